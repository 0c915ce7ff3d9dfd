import type { z } from 'zod';

/**
 * Error texts for what a schema found wrong, in the terms of the API. The validator's own messages never leave
 * the gateway.
 */

/** `metadata.key`, `tools[0].type` */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : (i > 0 ? '.' : '') + String(key)))
    .join('');
}

/** `expected a string`. A schema may set the whole sentence. */
export function expectation(issue: z.core.$ZodIssue): string {
  if (issue.message.startsWith('expected ')) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${KINDS.get(issue.expected) ?? 'another type of value'}`;
    case 'invalid_value':
      return `expected ${issue.values.map(String).join(' or ')}`;
    case 'too_big':
      return `expected at most ${issue.maximum}${UNITS.get(issue.origin) ?? ''}`;
    case 'too_small':
      return `expected at least ${issue.minimum}${UNITS.get(issue.origin) ?? ''}`;
    case 'invalid_key': {
      const [inner] = issue.issues;
      return inner ? `${expectation(inner)} in the key` : 'expected another key';
    }
    default:
      return 'expected another value';
  }
}

const KINDS: ReadonlyMap<string, string> = new Map([
  ['string', 'a string'],
  ['number', 'a number'],
  ['int', 'a whole number'],
  ['boolean', 'true or false'],
  ['array', 'an array'],
  ['object', 'an object'],
  ['record', 'an object'],
  ['nonoptional', 'a value'],
]);

const UNITS: ReadonlyMap<string, string> = new Map([
  ['string', ' characters'],
  ['array', ' entries'],
]);

/** `, got a string`. Numbers and lengths are shown. Texts are not, because they may hold content. */
export function received(issue: z.core.$ZodIssue, whole: unknown): string {
  const { path, code } = issue;
  let value = whole;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step];
  if (value === undefined) return ', got nothing';
  if (value === null) return ', got null';
  const isOfWrongSize = code === 'too_big' || code === 'too_small';
  if (Array.isArray(value) && value.length === 0) return ', got an empty array';
  if (Array.isArray(value)) return isOfWrongSize ? `, got ${value.length}` : ', got an array';
  if (typeof value === 'number' || typeof value === 'boolean') return `, got ${value}`;
  if (typeof value !== 'string') return ', got an object';
  if (value === '') return ', got an empty string';
  if (!isOfWrongSize) return ', got a string';
  // A number in a query is a text.
  return issue.origin === 'string' ? `, got ${value.length}` : `, got ${Number(value)}`;
}
