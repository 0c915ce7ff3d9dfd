import { describe, expect, test } from 'bun:test';
import { z } from 'zod';
import { WRITTEN_FILES } from '../../../src/composition/write-docs.ts';
import { fileSchema } from '../../../src/config/schema.ts';
import { scalarSettings, settingsOf } from '../../../src/config/shape.ts';

describe('bun src/composition/write-docs.ts', () => {
  test.each(Object.entries(WRITTEN_FILES))('%s is what the schema says', async (path, text) => {
    const published = await Bun.file(new URL(`../../../${path}`, import.meta.url)).text();
    expect(published).toBe(text());
  });

  test('the example and the reference show every setting', async () => {
    const example = WRITTEN_FILES['clawhold.example.yaml']();
    const reference = WRITTEN_FILES['docs/configuration.md']();
    for (const { name, variable, path, note } of settingsOf(fileSchema)) {
      // Sections have headings of their own.
      if (note.description === undefined || (path.length === 1 && variable === undefined)) continue;
      expect(reference).toContain(`| \`${name}\` | ${variable ? `\`${variable}\`` : '–'} |`);
    }
    for (const { path, variable } of scalarSettings(fileSchema)) {
      expect({ variable, shown: new RegExp(`^ *(# )?${path.at(-1)}: `, 'm').test(example) }).toEqual({
        variable,
        shown: true,
      });
    }
  });
});

test('every field has a description', () => {
  const undescribed: string[] = [];
  const check = (schema: Record<string, unknown>, path: string) => {
    for (const [name, field] of Object.entries((schema.properties ?? {}) as Record<string, typeof schema>)) {
      if (!field.description) undescribed.push(`${path}${name}`);
      check(field, `${path}${name}.`);
    }
    for (const inner of [schema.items, schema.additionalProperties]) {
      if (typeof inner === 'object' && inner) check(inner as typeof schema, path);
    }
  };
  check(z.toJSONSchema(fileSchema, { io: 'input' }), '');
  expect(undescribed).toEqual([]);
});

test('a description has only the known fields', () => {
  const known = ['description', 'expected', 'shown', 'secret', 'example', 'restart'];
  const unknown = settingsOf(fileSchema).flatMap(({ name, note }) =>
    Object.keys(note)
      .filter((field) => !known.includes(field))
      .map((field) => `${name}: ${field}`),
  );
  expect(unknown).toEqual([]);
});

test('every scalar setting has a variable, and no two share one', () => {
  const expected = (schema: Record<string, unknown>, path: string): string[] =>
    Object.entries((schema.properties ?? {}) as Record<string, typeof schema>).flatMap(([key, field]) => {
      const variable = `${path}_${key.toUpperCase()}`;
      const options = (field.anyOf ?? [field]) as (typeof schema)[];
      const scalar = options.every(({ type }) =>
        ['string', 'number', 'integer', 'boolean'].includes(String(type)),
      );
      return scalar ? [variable] : expected(field, variable);
    });
  const variables = scalarSettings(fileSchema).map(({ variable }) => variable);
  expect(variables).toEqual(expected(z.toJSONSchema(fileSchema, { io: 'input' }), 'CLAWHOLD'));
  expect(new Set(variables).size).toBe(variables.length);
  expect(variables).toContain('CLAWHOLD_LIMITS_BODY_BYTES');
  expect(variables).toContain('CLAWHOLD_STORAGE_KIND');
});
