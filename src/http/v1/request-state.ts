import { Fault } from '../../core/errors.ts';
import { parseConversationId } from '../../core/ids.ts';
import type { SessionRef } from '../../core/turn.ts';

/**
 * Which session a request names outside its dialect. Headers come first: ours, then those that coding
 * agents and other gateways use, so that their clients need no change.
 */
const SESSION_HEADERS = [
  'x-clawhold-session-id',
  'session-id',
  'session_id',
  'x-claude-code-session-id',
  'x-session-id',
  'x-litellm-session-id',
  'x-bf-session-id',
  'x-session-affinity',
];

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;

/** The session that a header names; a malformed one is refused, never guessed at. */
export function sessionFromHeaders(headers: Headers): SessionRef | undefined {
  const header = sessionHeader(headers);
  return header && sessionRef(header.value, header.name);
}

/** The header that names the session, as it came. */
export function sessionHeader(headers: Headers): { name: string; value: string } | undefined {
  for (const name of SESSION_HEADERS) {
    const value = headers.get(name);
    if (value !== null) return { name, value };
  }
  return undefined;
}

/** A `conv_…` id addresses that session; any other text is a name in the caller's tenant. */
export function sessionRef(value: unknown, param: string): SessionRef {
  if (typeof value !== 'string' || !VISIBLE_ASCII.test(value)) {
    throw new Fault('invalid_session_id', `The session id in \`${param}\` is malformed.`, { param });
  }
  const id = parseConversationId(value);
  if (id) return { id };
  if (value.startsWith('conv_')) {
    throw new Fault('session_not_found', `Conversation with id '${value}' not found.`, { param });
  }
  return { name: value };
}

/** `conversation` of a body: an id, or an object with one. */
export function conversationRef(value: unknown): SessionRef | undefined {
  if (value === undefined || value === null) return undefined;
  const id = typeof value === 'object' ? (value as { id?: unknown }).id : value;
  return sessionRef(id, 'conversation');
}
