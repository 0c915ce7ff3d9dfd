import { type Message, messageText, userMessage } from '../core/items.ts';
import type { Prompt } from '../core/prompt.ts';

/** The instruction for a model that cannot continue an assistant message directly. */
export const CONTINUATION =
  'Your last message broke off before it was complete. Continue it exactly where it breaks off: start with the ' +
  'very next character, even in the middle of a word, and keep its language and formatting. Repeat nothing of ' +
  'it and add no introduction, apology or comment, because your words are appended to it as they are.';

/** The text that the answer to this prompt continues. Empty when the prompt does not `continue` an answer. */
export function beginningOf({ continues, items }: Prompt): string {
  const last = items.at(-1)?.item;
  return continues && last?.type === 'message' ? messageText(last) : '';
}

/**
 * A prompt that `continues`, for a model that continues an assistant message directly. White space at the
 * end of the text is not sent: some providers refuse it there, and models mostly generate a word together
 * with the space before it.
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
 * A prompt that `continues`, for a model that needs an instruction to do so. The instruction is a user
 * message, because every provider accepts one as the last message. A text of white space alone is left out,
 * because many providers refuse it: the whole answer is then requested again.
 */
export function instructed(prompt: Prompt): Prompt {
  const { continues, ...rest } = prompt;
  if (!continues) return prompt;
  if (beginningOf(prompt).trim() === '') return { ...rest, items: rest.items.slice(0, -1) };
  return { ...rest, items: [...rest.items, { item: userMessage(CONTINUATION) }] };
}
