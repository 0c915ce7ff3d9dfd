/**
 * The prompt caches of two providers, as strict as they are: nothing is shared between credentials or models, a
 * prefix counts only where it is exactly the same, and not below 1,024 tokens.
 */

/** Tokens of a prompt that are read from the cache and written to it; the rest is neither. */
export interface CacheUse {
  /** Of the whole prompt. */
  input: number;
  cached: number;
  wrote: number;
}

/** A part of a prompt. */
export interface PromptBlock {
  text: string;
  /** It has a `cache_control`. */
  isMarked: boolean;
}

const CHARS_PER_TOKEN = 4;
const LEAST_TOKENS = 1_024;
/** How long an entry that is not used stays, in milliseconds. */
export const LIFETIME_MS = 300_000;

const tokensOf = (chars: number): number => Math.floor(chars / CHARS_PER_TOKEN);

/** Prefixes by their hash, with the time of their last use. `now` is in milliseconds. */
class Prefixes {
  private readonly usedAt = new Map<bigint, number>();

  constructor(private readonly now: () => number) {}

  has(hash: bigint): boolean {
    return this.now() - (this.usedAt.get(hash) ?? Number.NEGATIVE_INFINITY) < LIFETIME_MS;
  }

  use(hash: bigint): void {
    this.usedAt.set(hash, this.now());
  }
}

const startOf = (credential: string, model: string): bigint => Bun.hash.xxHash64(`${credential} ${model}`);

/**
 * OpenAI (platform.openai.com/docs/guides/prompt-caching): every prompt of at least 1,024 tokens is cached, in
 * steps of 128 tokens, without a mark and without a price for writing. It stays for 5 to 10 minutes without use: the
 * shorter time counts here. Organizations share nothing.
 */
export class AutomaticCache {
  private static readonly STEP = 128 * CHARS_PER_TOKEN;
  private readonly prefixes: Prefixes;

  constructor(now: () => number) {
    this.prefixes = new Prefixes(now);
  }

  call(credential: string, model: string, blocks: readonly PromptBlock[]): CacheUse {
    const text = blocks.map((block) => block.text).join('');
    let hash = startOf(credential, model);
    let cached = 0;
    for (let end = AutomaticCache.STEP; end <= text.length; end += AutomaticCache.STEP) {
      hash = Bun.hash.xxHash64(text.slice(end - AutomaticCache.STEP, end), hash);
      if (tokensOf(end) < LEAST_TOKENS) continue;
      if (this.prefixes.has(hash)) cached = tokensOf(end);
      this.prefixes.use(hash);
    }
    return { input: tokensOf(text.length), cached, wrote: 0 };
  }
}

/** Blocks before a mark in which an earlier entry is searched. */
const LOOK_BACK = 20;

/**
 * Anthropic (platform.claude.com/docs/en/build-with-claude/prompt-caching): the prompt is written up to each mark,
 * from 1,024 tokens on. An entry is found if it ends at a mark, or at one of the 20 blocks before it. It stays for 5
 * minutes, and each use renews it.
 */
export class MarkedCache {
  private readonly prefixes: Prefixes;

  constructor(now: () => number) {
    this.prefixes = new Prefixes(now);
  }

  call(credential: string, model: string, blocks: readonly PromptBlock[]): CacheUse {
    let hash = startOf(credential, model);
    let chars = 0;
    const ends = blocks.map(({ text, isMarked }) => {
      hash = Bun.hash.xxHash64(text, hash);
      chars += text.length;
      return { hash, tokens: tokensOf(chars), isMarked };
    });
    const isLookedAt = (index: number) =>
      ends.slice(index, index + LOOK_BACK + 1).some(({ isMarked }) => isMarked);
    const found = ends.findLast((end, index) => this.prefixes.has(end.hash) && isLookedAt(index));
    const written = ends.filter(({ isMarked, tokens }) => isMarked && tokens >= LEAST_TOKENS);
    const cached = found?.tokens ?? 0;
    const wrote = Math.max(0, (written.at(-1)?.tokens ?? 0) - cached);
    if (found) this.prefixes.use(found.hash);
    for (const end of written) this.prefixes.use(end.hash);
    return { input: tokensOf(chars), cached, wrote };
  }
}

type Json = Record<string, unknown>;

/** The parts of a request body that belong to its prompt, in the order in which the provider reads them. */
export function blocksOf(body: Json): PromptBlock[] {
  const lists = [body.tools, body.system].filter((list) => Array.isArray(list)).flat() as Json[];
  const blocks = lists.map(blockOf);
  for (const { role, content } of body.messages as { role: string; content: unknown }[]) {
    const parts = Array.isArray(content) ? (content as Json[]) : [{ type: 'text', text: content }];
    for (const part of parts) {
      const { text, isMarked } = blockOf(part);
      blocks.push({ text: `${role} ${text}`, isMarked });
    }
  }
  return blocks;
}

function blockOf({ cache_control, ...block }: Json): PromptBlock {
  return { text: JSON.stringify(block), isMarked: cache_control !== undefined };
}
