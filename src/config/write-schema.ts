import { z } from 'zod';
import { fileSchema } from './schema.ts';
import { isShowable } from './shape.ts';

/** Writes `docs/clawhold.schema.json`, which editors read: `bun src/config/write-schema.ts`. */

/** The JSON Schema of the configuration file, as text. */
export function schemaText(): string {
  const schema = z.toJSONSchema(fileSchema, {
    io: 'input',
    override({ zodSchema, jsonSchema, path }) {
      if (path.includes('propertyNames')) return;
      // Whatever has a form may also be left to a variable, which is text until it is filled in.
      const free = zodSchema instanceof z.ZodString && !jsonSchema.pattern && !jsonSchema.minLength;
      if (free || !(zodSchema instanceof z.ZodString || isShowable(zodSchema))) return;
      const { description, ...plain } = jsonSchema;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      if (description) jsonSchema.description = description;
      jsonSchema.anyOf = [plain, { type: 'string', pattern: '\\$\\{.+\\}' }];
    },
  });
  const { $schema, ...rest } = schema;
  return `${JSON.stringify({ $schema, title: 'clawhold.yaml', ...rest }, null, 2)}\n`;
}

if (import.meta.main) {
  await Bun.write(new URL('../../docs/clawhold.schema.json', import.meta.url), schemaText());
}
