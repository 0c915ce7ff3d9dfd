import { expect, test } from 'bun:test';
import { z } from 'zod';
import { fileSchema } from '../../../src/config/schema.ts';
import { scalarSettings } from '../../../src/config/shape.ts';
import { schemaText } from '../../../src/config/write-schema.ts';

test('docs/clawhold.schema.json is what the schema says (bun src/config/write-schema.ts)', async () => {
  const published = await Bun.file(new URL('../../../docs/clawhold.schema.json', import.meta.url)).text();
  expect(published).toBe(schemaText());
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

test('every scalar setting has a variable, and no two share one', () => {
  const variables = scalarSettings(fileSchema).map(({ variable }) => variable);
  expect(new Set(variables).size).toBe(variables.length);
  expect(variables).toContain('CLAWHOLD_LIMITS_BODY_BYTES');
  expect(variables).toContain('CLAWHOLD_STORAGE_KIND');
  expect(variables).toHaveLength(26);
});
