/**
 * The prompt caches of providers, as strict as they are: nothing is shared between credentials or models, a prefix
 * counts only where it is exactly the same, and not below a least number of tokens.
 */

/** Tokens of a prompt that are read from the cache and written to it; the rest is neither. */
export interface CacheUse {
  /** Of the whole prompt. */
  input: number;
  cached: number;
  wrote: number;
  /** The part of `wrote` that stays for an hour. */
  wroteHour: number;
}

/** A part of a prompt. */
export interface PromptBlock {
  text: string;
  /** It has a `cache_control`. */
  isMarked: boolean;
  /** Its `cache_control` asks for an hour. */
  isLong?: boolean;
}

/** The rule of a cache that holds every prompt. */
export interface AutomaticRule {
  /** Prefixes of a multiple of so many tokens are held. */
  step: number;
  /** Tokens of the shortest prefix that is held. */
  least: number;
}

const CHARS_PER_TOKEN = 4;
const LEAST_TOKENS = 1_024;
/** How long an entry that is not used stays, in milliseconds. */
export const LIFETIME_MS = 300_000;
const HOUR_MS = 3_600_000;

const tokensOf = (chars: number): number => Math.floor(chars / CHARS_PER_TOKEN);

/** Prefixes by their hash. `now` is in milliseconds. A use renews a prefix for as long as it was written for. */
class Prefixes {
  private readonly entries = new Map<bigint, { usedAt: number; life: number }>();

  constructor(private readonly now: () => number) {}

  has(hash: bigint): boolean {
    const entry = this.entries.get(hash);
    return entry !== undefined && this.now() - entry.usedAt < entry.life;
  }

  use(hash: bigint, wanted = LIFETIME_MS): void {
    const life = Math.max(wanted, this.has(hash) ? this.entries.get(hash)!.life : 0);
    this.entries.set(hash, { usedAt: this.now(), life });
  }
}

const startOf = (credential: string, model: string): bigint => Bun.hash.xxHash64(`${credential} ${model}`);

/**
 * OpenAI (platform.openai.com/docs/guides/prompt-caching): every prompt of at least 1,024 tokens is cached, in
 * steps of 128 tokens, without a mark and without a price for writing. It stays for 5 to 10 minutes without use: the
 * shorter time counts here. Organizations share nothing.
 */
const OPENAI: AutomaticRule = { step: 128, least: LEAST_TOKENS };

/** A cache without marks and without a price for writing. The shortest lifetime that a provider names counts. */
export class AutomaticCache {
  private readonly prefixes: Prefixes;

  constructor(
    now: () => number,
    private readonly rule = OPENAI,
  ) {
    this.prefixes = new Prefixes(now);
  }

  call(credential: string, model: string, blocks: readonly PromptBlock[]): CacheUse {
    const text = blocks.map((block) => block.text).join('');
    let hash = startOf(credential, model);
    let cached = 0;
    const step = this.rule.step * CHARS_PER_TOKEN;
    for (let end = step; end <= text.length; end += step) {
      hash = Bun.hash.xxHash64(text.slice(end - step, end), hash);
      if (tokensOf(end) < this.rule.least) continue;
      if (this.prefixes.has(hash)) cached = tokensOf(end);
      this.prefixes.use(hash);
    }
    return { input: tokensOf(text.length), cached, wrote: 0, wroteHour: 0 };
  }
}

/** Blocks before a mark in which an earlier entry is searched. */
const LOOK_BACK = 20;

/**
 * Anthropic (platform.claude.com/docs/en/build-with-claude/prompt-caching): the prompt is written up to each mark,
 * from a least number of tokens on, which depends on the model (1,024 for most). An entry is found if it ends at a
 * mark, or at one of the 20 blocks before it. It stays for 5 minutes, or for an hour where the mark says so, and each
 * use renews it.
 */
export class MarkedCache {
  private readonly prefixes: Prefixes;

  constructor(
    now: () => number,
    private readonly least = LEAST_TOKENS,
  ) {
    this.prefixes = new Prefixes(now);
  }

  call(credential: string, model: string, blocks: readonly PromptBlock[]): CacheUse {
    let hash = startOf(credential, model);
    let chars = 0;
    const ends = blocks.map(({ text, isMarked, isLong }) => {
      hash = Bun.hash.xxHash64(text, hash);
      chars += text.length;
      return { hash, tokens: tokensOf(chars), isMarked, isLong };
    });
    const isLookedAt = (index: number) =>
      ends.slice(index, index + LOOK_BACK + 1).some(({ isMarked }) => isMarked);
    const found = ends.findLast((end, index) => this.prefixes.has(end.hash) && isLookedAt(index));
    const written = ends.filter(({ isMarked, tokens }) => isMarked && tokens >= this.least);
    const cached = found?.tokens ?? 0;
    const wrote = Math.max(0, (written.at(-1)?.tokens ?? 0) - cached);
    if (found) this.prefixes.use(found.hash);
    for (const end of written) this.prefixes.use(end.hash, end.isLong ? HOUR_MS : LIFETIME_MS);
    // Blocks for an hour come first.
    const long = written.findLast(({ isLong }) => isLong)?.tokens ?? 0;
    return { input: tokensOf(chars), cached, wrote, wroteHour: Math.max(0, long - cached) };
  }
}

type Json = Record<string, unknown>;

/** The parts of a request body that belong to its prompt, in the order in which the provider reads them. */
export function blocksOf(body: Json): PromptBlock[] {
  const lists = [body.tools, body.system].filter((list) => Array.isArray(list)).flat() as Json[];
  const blocks = lists.map(blockOf);
  for (const { role, content, parts: own } of messagesOf(body)) {
    const parts = own ?? (Array.isArray(content) ? (content as Json[]) : [{ type: 'text', text: content }]);
    for (const part of parts) {
      const block = blockOf(part);
      blocks.push({ ...block, text: `${role} ${block.text}` });
    }
  }
  return blocks;
}

interface WireMessage {
  role: string;
  content?: unknown;
  /** Gemini's word for the parts of a message. */
  parts?: Json[];
}

const messagesOf = ({ messages, contents }: Json) => (messages ?? contents) as WireMessage[];

function blockOf({ cache_control, ...block }: Json): PromptBlock {
  const isLong = (cache_control as Json | undefined)?.ttl === '1h';
  return { text: JSON.stringify(block), isMarked: cache_control !== undefined, ...(isLong && { isLong }) };
}
