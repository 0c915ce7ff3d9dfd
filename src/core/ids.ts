/**
 * Ids are opaque and time-ordered: lower-case Crockford base32, the time first.
 *
 * A session key has 20 characters. A turn id is its session's key followed by 13 characters, so that
 * the session of a turn is known without an index, and a store that shards by session can route the turn.
 * An item's id is derived from its turn's id and its position in the turn. It is stored only where the item's
 * index in the output differs from its index in the stream.
 */

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const SESSION_KEY_LENGTH = 20;
const TURN_ID_LENGTH = 33;
const KEY = /^[0-9a-hjkmnp-tv-z]+$/;

/** A session's key: 20 characters. */
export type SessionId = string & { readonly sessionId: unique symbol };
/** A turn's id: its session's key and 13 characters. */
export type TurnId = string & { readonly turnId: unique symbol };

/** The two characters for each number below 1024. */
const PAIRS = Array.from({ length: 1024 }, (_, value) => ALPHABET[value >> 5]! + ALPHABET[value & 31]!);

/** Nine characters: 45 bits, which are milliseconds until the year 3084. */
function encodeTime(ms: number): string {
  const high = Math.floor(ms / 2 ** 25);
  const low = ms % 2 ** 25;
  return (
    PAIRS[high >> 10]! +
    PAIRS[high & 1023]! +
    ALPHABET[low >> 20]! +
    PAIRS[(low >> 10) & 1023]! +
    PAIRS[low & 1023]!
  );
}

/**
 * Random bytes that are not used yet. One large request for random bytes costs much less than many small ones.
 */
const pool = new Uint8Array(4096);
let used = pool.length;

function random(length: number): string {
  if (used + length > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let text = '';
  for (const end = used + length; used < end; used++) text += ALPHABET[pool[used]! & 31];
  return text;
}

/** An id for a session that is made now: its first nine characters are the time. */
export function newSessionId(now: number): SessionId {
  return (encodeTime(now) + random(11)) as SessionId;
}

/** Nine characters are the time, and four are random. */
export function newTurnId(session: SessionId, now: number): TurnId {
  return (session + encodeTime(now) + random(4)) as TurnId;
}

/** The session of a turn. */
export function sessionOf(turn: TurnId): SessionId {
  return turn.slice(0, SESSION_KEY_LENGTH) as SessionId;
}

function parse(text: string, prefix: string, length: number): string | undefined {
  if (!text.startsWith(prefix) || text.length !== prefix.length + length) return undefined;
  const key = text.slice(prefix.length);
  return KEY.test(key) ? key : undefined;
}

export const conversationId = (session: SessionId): string => `conv_${session}`;
export const responseId = (turn: TurnId): string => `resp_${turn}`;
export const completionId = (turn: TurnId): string => `chatcmpl-${turn}`;
/** An item's id of the same prefix is longer (`itemId`). */
export const messageId = (turn: TurnId): string => `msg_${turn}`;
export const interactionId = (turn: TurnId): string => `int_${turn}`;

export const textCompletionId = (turn: TurnId): string => `cmpl-${turn}`;

export const parseConversationId = (text: string): SessionId | undefined =>
  parse(text, 'conv_', SESSION_KEY_LENGTH) as SessionId | undefined;
export const parseResponseId = (text: string): TurnId | undefined =>
  parse(text, 'resp_', TURN_ID_LENGTH) as TurnId | undefined;
export const parseCompletionId = (text: string): TurnId | undefined =>
  parse(text, 'chatcmpl-', TURN_ID_LENGTH) as TurnId | undefined;
export const parseTextCompletionId = (text: string): TurnId | undefined =>
  parse(text, 'cmpl-', TURN_ID_LENGTH) as TurnId | undefined;
export const parseMessageId = (text: string): TurnId | undefined =>
  parse(text, 'msg_', TURN_ID_LENGTH) as TurnId | undefined;
export const parseInteractionId = (text: string): TurnId | undefined =>
  parse(text, 'int_', TURN_ID_LENGTH) as TurnId | undefined;

/** A turn by its id in any dialect, so that a chain that begins in one of them goes on in another. */
export const parseAnyTurnId = (text: string): TurnId | undefined =>
  parseResponseId(text) ??
  parseCompletionId(text) ??
  parseTextCompletionId(text) ??
  parseMessageId(text) ??
  parseInteractionId(text);

/** No item's id has a dot, so that both kinds of ids can be told apart in an `item_reference`. */
export const valueId = (session: SessionId, key: string): string => `val_${session}.${key}`;

/** Of the id of a session's value: its session and its key, which is not checked. */
export function parseValueId(text: string): { session: SessionId; key: string } | undefined {
  const dot = text.indexOf('.');
  const session = parse(text.slice(0, Math.max(0, dot)), 'val_', SESSION_KEY_LENGTH);
  return session === undefined ? undefined : { session: session as SessionId, key: text.slice(dot + 1) };
}

/** The position of an item in its turn: `i` for input or `o` for output, and the index there, from 0. */
export interface ItemPosition {
  turn: TurnId;
  side: 'i' | 'o';
  index: number;
}

/** OpenAI's own prefixes: its API refuses an item whose id has another prefix. */
const ITEM_PREFIX: ReadonlyMap<string, string> = new Map([
  ['message', 'msg'],
  ['function_call', 'fc'],
  ['function_call_output', 'fco'],
  ['reasoning', 'rs'],
  ['custom_tool_call', 'ctc'],
  ['custom_tool_call_output', 'ctco'],
  ['web_search_call', 'ws'],
  ['file_search_call', 'fs'],
  ['image_generation_call', 'ig'],
  ['code_interpreter_call', 'ci'],
  ['computer_call', 'cu'],
  ['computer_call_output', 'cuo'],
  ['local_shell_call', 'lsh'],
  ['shell_call', 'sh'],
  ['shell_call_output', 'sho'],
  ['apply_patch_call', 'apc'],
  ['apply_patch_call_output', 'apco'],
  ['tool_search_call', 'tsc'],
  ['tool_search_output', 'tso'],
  ['program', 'cm'],
  ['program_output', 'cmo'],
  ['compaction', 'cmp'],
  ['mcp_list_tools', 'mcpl'],
  ['mcp_call', 'mcp'],
  ['mcp_approval_request', 'mcpr'],
]);

/** The id of an item of this type at its position. */
export function itemId(type: string, position: ItemPosition): string {
  return `${ITEM_PREFIX.get(type) ?? 'item'}_${position.turn}${position.side}${position.index}`;
}

const ITEM_ID = /^[a-z]+_([0-9a-hjkmnp-tv-z]{33})([io])(\d{1,6})$/;

/** The position that an item's id names; `undefined` for any other text. */
export function parseItemId(text: string): ItemPosition | undefined {
  const match = ITEM_ID.exec(text);
  if (!match) return undefined;
  return { turn: match[1] as TurnId, side: match[2] as 'i' | 'o', index: Number(match[3]) };
}

/** The part of an item's id that never changes. Earlier versions gave some kinds of items another prefix. */
export const itemKey = (id: string): string => (parseItemId(id) ? id.slice(id.indexOf('_') + 1) : id);
