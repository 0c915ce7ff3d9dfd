/**
 * How long a provider with cache marks should keep a prompt: five minutes, an hour, or not at all, where the next
 * request will probably come too late.
 */
export type CacheLife = 'short' | 'long' | 'none';

/** When a turn began and ended, in milliseconds since the epoch. */
interface TimedTurn {
  turn: { createdAt: number; completedAt: number };
}

/** How many pauses between turns are looked at. */
const PAUSES = 8;
const SHORT_MS = 300_000;
export const LONG_MS = 3_600_000;

/**
 * Prices relative to other input (platform.claude.com, "Prompt caching"): a token that is read, and one that is
 * written for five minutes or for an hour.
 */
const READ = 0.1;
const WRITE = { short: 1.25, long: 2 };

/**
 * Guesses from the pauses before the latest turns and before a request at `at`, in milliseconds since the epoch. A
 * session without pauses counts as one with short pauses.
 */
export function cacheLifeOf(branch: readonly TimedTurn[], at: number): CacheLife {
  let count = 1;
  const within = { short: 1, long: 1 };
  let next = at;
  for (let index = branch.length - 1; index >= 0 && count <= PAUSES; index--) {
    const { completedAt, createdAt } = branch[index]!.turn;
    const pause = next - completedAt;
    if (pause < SHORT_MS) within.short++;
    if (pause < LONG_MS) within.long++;
    next = createdAt;
    count++;
  }
  // Of a token that all prompts repeat: it is read, or it is written again.
  const price = (life: 'short' | 'long') => WRITE[life] - ((WRITE[life] - READ) * within[life]) / count;
  const [short, long] = [price('short'), price('long')];
  if (Math.min(short, long) >= 1) return 'none';
  return short <= long ? 'short' : 'long';
}
