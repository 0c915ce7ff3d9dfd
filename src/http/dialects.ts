import type { Dialect } from './dialect.ts';
import { chat } from './v1/chat/dialect.ts';
import { completions } from './v1/completions/dialect.ts';
import { messages } from './v1/messages/dialect.ts';
import { responses } from './v1/responses/dialect.ts';
import { gemini } from './v1beta/gemini/dialect.ts';
import { interactions } from './v1beta/interactions/dialect.ts';

/** The dialects that the gateway speaks. */
export const DIALECTS: readonly Dialect[] = [chat, responses, completions, messages, gemini, interactions];
