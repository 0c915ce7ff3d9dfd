import type { Candidate } from '../../core/candidate.ts';

/** A published tokenizer. Other makers publish none, or count on request alone. */
export type Encoding = 'o200k' | 'cl100k';

/** OpenAI's models, by the tokenizer that OpenAI assigns to them (its library `tiktoken`, `model.py`). */
const MODELS: readonly [Encoding, RegExp][] = [
  ['o200k', /^(gpt-4o|gpt-4\.[15]|gpt-[5-9]|gpt-oss|chatgpt-4o|o[1-9](-|$)|codex-|computer-use)/],
  ['cl100k', /^(gpt-4(-|$)|gpt-3\.5|gpt-35|text-embedding-(3|ada-002))/],
];

/** Callers may name any model. */
const MOST_NAMES = 1_000;
const known = new Map<string, Encoding | undefined>();

/** The tokenizer of a model; `undefined` where none is known. */
export function encodingOf({ model }: Pick<Candidate, 'model'>): Encoding | undefined {
  if (known.has(model)) return known.get(model);
  const encoding = find(model);
  if (known.size < MOST_NAMES) known.set(model, encoding);
  return encoding;
}

/** A gateway may name the maker first (`openai/gpt-5`), and fine-tuned models begin with `ft:`. */
function find(model: string): Encoding | undefined {
  const name = model.slice(model.lastIndexOf('/') + 1).replace(/^ft:/, '');
  return MODELS.find(([, names]) => names.test(name))?.[0];
}
