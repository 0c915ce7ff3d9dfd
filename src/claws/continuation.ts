import { type Message, messageText, userMessage } from '../core/items.ts';
import type { Prompt } from './claw.ts';

/** What a model is told that does not go on with its own message unasked. */
export const CONTINUATION =
  'Your last message broke off before it was complete. Continue it exactly where it breaks off: start with the ' +
  'very next character, even in the middle of a word, and keep its language and formatting. Repeat nothing of ' +
  'it and add no introduction, apology or comment, because your words are appended to it as they are.';

/** The text that a prompt's answer continues; empty where it continues none. */
export function beginningOf({ continues, items }: Prompt): string {
  const last = items.at(-1)?.item;
  return continues && last?.type === 'message' ? messageText(last) : '';
}

/**
 * A prompt that `continues`, for a model that does so by itself. White space at the end of the beginning is
 * left to the model: some providers refuse it there, and words are mostly generated with the space before them.
 */
export function prefilled(prompt: Prompt): Prompt {
  const text = beginningOf(prompt).trimEnd();
  const item: Message = {
    type: 'message',
    role: 'assistant',
    status: 'incomplete',
    content: [{ type: 'output_text', text, annotations: [] }],
  };
  return { ...prompt, items: [...prompt.items.slice(0, -1), { item }] };
}

/**
 * A prompt that `continues`, for a model that has to be told so. The instruction is the user's, since that is
 * what every provider takes last. White space alone is no beginning that a model could go on from, and many
 * providers refuse it, so such an answer is asked for anew.
 */
export function instructed(prompt: Prompt): Prompt {
  const { continues, ...rest } = prompt;
  if (!continues) return prompt;
  if (beginningOf(prompt).trim() === '') return { ...rest, items: rest.items.slice(0, -1) };
  return { ...rest, items: [...rest.items, { item: userMessage(CONTINUATION) }] };
}
