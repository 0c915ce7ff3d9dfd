import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import type { Passage } from '../../src/context/retrieval/passage.ts';

/** Counts the tokens of a passage as it stands in a prompt: one line, with its speaker or role. */
export interface TokensOf {
  (passage: Passage): number;
  text(text: string): number;
}

/** A tokenizer needs much time for a long run without spaces, so texts are counted in pieces. */
const PIECE = 20_000;

function countTokens(text: string): number {
  let tokens = 0;
  for (let from = 0; from < text.length; from += PIECE)
    tokens += encode(text.slice(from, from + PIECE)).length;
  return tokens;
}

/** Counts with the tokenizer o200k. Each passage is counted once. */
export function tokenCounter(): TokensOf {
  const known = new Map<Passage, number>();
  const count = (passage: Passage): number => {
    const before = known.get(passage);
    if (before !== undefined) return before;
    const tokens = countTokens(`${passage.speaker ?? passage.role}: ${passage.text}\n`);
    known.set(passage, tokens);
    return tokens;
  };
  const texts = new Map<string, number>();
  return Object.assign(count, {
    text(text: string): number {
      const tokens = texts.get(text) ?? countTokens(text);
      texts.set(text, tokens);
      return tokens;
    },
  });
}
