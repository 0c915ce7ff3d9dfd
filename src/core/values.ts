/**
 * Values of sessions: small typed state beside the log, such as the progress of a workflow or a result that has a
 * name. A value is any JSON; it is kept as JSON text.
 */

/**
 * The keys of values. `.` and `..` are excluded, because clients take them out of a path (RFC 3986, section 5.2.4).
 */
const KEY = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;

/** How a key looks, for error messages. */
export const KEY_FORM = '1 to 128 letters, digits and `. _ -`';

export const isValueKey = (text: string): boolean => KEY.test(text);

/** A value of a session. */
export interface SessionValue {
  /** Unique in the session; see `isValueKey`. */
  key: string;
  /** JSON text. */
  json: string;
  /**
   * Grows by one with every change. The first one is 1; where values of the session were deleted, it is above
   * their versions, so that no version of a key comes back.
   */
  version: number;
  /** Milliseconds since the epoch, by the store's clock. */
  createdAt: number;
  updatedAt: number;
}

/** What must hold at the moment of a change: of the value's presence, or of its version. */
export type ValueCondition =
  | { kind: 'none' }
  | { kind: 'absent' }
  | { kind: 'present' }
  | { kind: 'version'; version: number };

/** A value that a turn sets when it completes. */
export interface NamedValue {
  key: string;
  /** JSON text. */
  json: string;
}

type Json = null | boolean | number | string | Json[] | { [field: string]: Json };

/** A JSON merge patch applied to a JSON text; both are valid JSON (RFC 7396, section 2). */
export function mergePatch(json: string, patch: string): string {
  return JSON.stringify(merged(JSON.parse(json) as Json, JSON.parse(patch) as Json));
}

/** A map, because an assignment to the field `__proto__` of an object would not make a field. */
function merged(target: Json | undefined, patch: Json): Json {
  if (!isFields(patch)) return patch;
  const fields = new Map(isFields(target) ? Object.entries(target) : []);
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) fields.delete(name);
    else fields.set(name, merged(fields.get(name), change));
  }
  return Object.fromEntries(fields);
}

const isFields = (value: Json | undefined): value is { [field: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
