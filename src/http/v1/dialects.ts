import type { Dialect } from '../dialect.ts';
import { chat } from './chat/dialect.ts';
import { responses } from './responses/dialect.ts';

/** The dialects that the gateway speaks. */
export const DIALECTS: readonly Dialect[] = [chat, responses];
