/**
 * Values of sessions: small typed state beside the log, such as the progress of a workflow or a result that has a
 * name. A value is any JSON; it travels as its JSON text, so that a store never has to interpret it.
 */

/**
 * The keys of values. `.` and `..` are excluded, because clients take them out of a path (RFC 3986, section 5.2.4).
 */
const KEY = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,128}$/;

/** How a key looks, for error messages. */
export const KEY_FORM = '1 to 128 letters, digits and `. _ -`';

export const isValueKey = (text: string): boolean => KEY.test(text);

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
