import { describe, expect, test } from 'bun:test';
import type { z } from 'zod';
import { chatRequest } from '../../../src/http/v1/chat/parse.ts';
import { completionRequest } from '../../../src/http/v1/completions/parse.ts';
import { bodyCheck, validate } from '../../../src/http/v1/fields.ts';
import { messageRequest } from '../../../src/http/v1/messages/parse.ts';
import { responseRequest } from '../../../src/http/v1/responses/parse.ts';
import { interactionRequest } from '../../../src/http/v1beta/interactions/parse.ts';

const SCHEMAS: Record<string, z.ZodObject> = {
  chatRequest,
  completionRequest,
  messageRequest,
  responseRequest,
  interactionRequest,
};

const VALUES = [
  null,
  '',
  'x',
  0,
  -1,
  1.5,
  1e9,
  true,
  [],
  ['x'],
  [{}],
  {},
  { type: 'x' },
  { a: 'b' },
  'x'.repeat(600),
];

const outcomeOf = (check: () => unknown): unknown => {
  try {
    return check();
  } catch (error) {
    return (error as Error).message;
  }
};

describe.each(Object.entries(SCHEMAS))('the check of a body by %s', (_, schema) => {
  const check = bodyCheck(schema);
  const names = Object.keys(schema.shape);
  /** The required fields, each with a value that is accepted. */
  const least = Object.fromEntries(
    names.flatMap((name) => {
      const field = schema.shape[name]!;
      if (field.safeParse(undefined).success) return [];
      return [[name, VALUES.find((value) => value !== null && field.safeParse(value).success)]];
    }),
  );

  test('is that of the schema, for each field and value', () => {
    for (const name of names) {
      for (const value of VALUES) {
        const body = { ...least, [name]: value };
        expect(outcomeOf(() => check(body))).toEqual(outcomeOf(() => validate(schema, body)));
      }
    }
  });

  test('misses what the schema requires', () => {
    for (const name of Object.keys(least)) {
      const { [name]: _missing, ...body } = least;
      expect(outcomeOf(() => check(body))).toEqual(outcomeOf(() => validate(schema, body)));
    }
  });

  test('gives no field that it has not checked', () => {
    const body = JSON.parse(`{"unknown":1,"__proto__":{"${names[0]}":{}},"constructor":2}`);
    const known = check({ ...least, ...body });
    expect(Object.keys(known).toSorted()).toEqual(Object.keys(least).toSorted());
    expect(Object.getPrototypeOf(known)).toBe(Object.prototype);
  });

  test('needs no check of the whole', () => expect(schema.def.checks ?? []).toEqual([]));
});
