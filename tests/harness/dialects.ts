import type { Json } from '../simulators/provider/shape.ts';
import { completionText, responseText } from './journey.ts';

/** The same request in each dialect, and the text of its reply. */

export const DIALECTS = ['chat', 'responses'] as const;
export type Dialect = (typeof DIALECTS)[number];
export const PATHS: Record<Dialect, string> = { responses: '/v1/responses', chat: '/v1/chat/completions' };

/** Instructions of a coding agent, and those of its requests for a title. */
export const MAIN = 'You are a coding agent. Work in the repository and keep your answers short and precise.';
export const TITLE = 'Write a title of at most fifty characters for the conversation of the user.';

export interface Said {
  role: string;
  content: string;
}
export const user = (content: string): Said => ({ role: 'user', content });
export const assistant = (content: string): Said => ({ role: 'assistant', content });

/** The fields of a body that has these instructions and messages. */
export function conversationIn(
  dialect: Dialect,
  system: string | undefined,
  messages: readonly Said[],
): Json {
  if (dialect === 'responses') return { input: messages, instructions: system };
  const opening = system === undefined ? [] : [{ role: 'system', content: system }];
  return { messages: [...opening, ...messages] };
}

/** The text of a whole reply. */
export const textIn = (dialect: Dialect, body: Json): string =>
  dialect === 'chat' ? completionText(body) : responseText(body);
