import { isValueKey, KEY_FORM, type NamedValue } from '../../core/values.ts';
import { MAX_DEPTH } from './body-shape.ts';
import { invalid } from './fields.ts';
import { SET } from './request-headers.ts';

/** Headers are read as Latin-1 by some programs and as UTF-8 by others. */
const VISIBLE_ASCII = /^[\x20-\x7e]*$/;

/**
 * The values that a request sets, `key=json`. Several headers, which HTTP joins with commas (RFC 9110, section
 * 5.3), and several values in one header are the same.
 */
export function namedValuesOf(headers: Headers): NamedValue[] | undefined {
  const text = headers.get(SET.name);
  if (text === null) return undefined;
  if (!VISIBLE_ASCII.test(text)) throw invalid(SET.name, 'ASCII; write other characters as `\\u00e4`');
  const values = partsOf(text).map(namedValue);
  const keys = new Set(values.map(({ key }) => key));
  if (keys.size < values.length) throw invalid(SET.name, 'each key once');
  return values;
}

/** The text between commas that are outside of strings, arrays and objects. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let depth = 0;
  // Strings as a whole, and the characters that count outside of them.
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/g)) {
    if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    else if (token === ',' && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
    if (depth > MAX_DEPTH) throw invalid(SET.name, `at most ${MAX_DEPTH} levels`);
  }
  return [...parts, text.slice(start)];
}

function namedValue(part: string): NamedValue {
  const equals = part.indexOf('=');
  const key = part.slice(0, Math.max(0, equals)).trim();
  if (!isValueKey(key)) throw invalid(SET.name, `\`key=json\`; a key has ${KEY_FORM}`);
  try {
    return { key, json: JSON.stringify(JSON.parse(part.slice(equals + 1))) };
  } catch {
    throw invalid(SET.name, `JSON after \`${key}=\``);
  }
}
