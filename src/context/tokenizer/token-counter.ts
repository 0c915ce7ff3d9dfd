import type { Item } from '../../core/items.ts';
import { itemTokens, toolsTokens } from '../tokens.ts';
import type { Encoding } from './encodings.ts';
import { Tokenizer } from './tokenizer.ts';

/** The parts of a prompt that have tokens. */
export interface CountedParts {
  items: readonly Item[];
  instructions?: string;
  tools?: readonly unknown[];
}

/** Tokens that begin the answer, at the end of every prompt (OpenAI's cookbook on counting tokens). */
const PER_PROMPT = 3;

/**
 * Counts prompts with the tokenizers of their models. A tokenizer is loaded when it is first needed. An item is
 * counted once as long as it is in memory. Images, files and recordings are estimated here too.
 */
export class TokenCounter {
  private readonly tokenizers = new Map<Encoding, Promise<Tokenizer>>();
  private readonly known: Record<Encoding, WeakMap<object, number>> = {
    o200k: new WeakMap(),
    cl100k: new WeakMap(),
  };

  constructor(private readonly load = Tokenizer.load) {}

  /** Rejects where the tokenizer cannot be loaded. */
  async count({ items, instructions = '', tools = [] }: CountedParts, encoding: Encoding): Promise<number> {
    const tokenizer = await this.tokenizer(encoding);
    const known = this.known[encoding];
    let tokens = items.length > 0 || instructions !== '' ? PER_PROMPT : 0;
    for (const item of items) {
      const before = known.get(item);
      const counted = before ?? (await counts(tokenizer, (count) => itemTokens(item, count)));
      if (before === undefined) known.set(item, counted);
      tokens += counted;
    }
    tokens += await counts(tokenizer, (count) => count(instructions));
    return tokens + (await counts(tokenizer, (count) => toolsTokens(tools, count)));
  }

  private tokenizer(encoding: Encoding): Promise<Tokenizer> {
    const known = this.tokenizers.get(encoding);
    if (known) return known;
    const loading = this.load(encoding);
    this.tokenizers.set(encoding, loading);
    // A load that failed is tried again for the next prompt.
    loading.catch(() => this.tokenizers.delete(encoding));
    return loading;
  }
}

/** What `sum` adds up, with the tokens of its texts, which may take a while. */
async function counts(tokenizer: Tokenizer, sum: (count: (text: string) => number) => number) {
  const texts: string[] = [];
  let tokens = sum((text) => {
    texts.push(text);
    return 0;
  });
  for (const text of texts) tokens += await tokenizer.count(text);
  return tokens;
}
