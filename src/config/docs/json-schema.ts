import { z } from 'zod';
import { fileSchema } from '../schema.ts';
import { isShowable } from '../shape.ts';

/** The JSON Schema of the configuration file, which editors read. */
export function jsonSchemaText(): string {
  const schema = z.toJSONSchema(fileSchema, {
    io: 'input',
    override({ zodSchema, jsonSchema, path }) {
      for (const ours of ['expected', 'shown', 'secret', 'example', 'restart']) delete jsonSchema[ours];
      if (path.includes('propertyNames')) return;
      // The file may write `${NAME}` for any value, so a value that is not free text allows this text too.
      const free = zodSchema instanceof z.ZodString && !jsonSchema.pattern && !jsonSchema.minLength;
      // Each option of a choice allows the text by itself.
      if (
        free ||
        zodSchema instanceof z.ZodUnion ||
        !(zodSchema instanceof z.ZodString || isShowable(zodSchema))
      )
        return;
      const { description, ...plain } = jsonSchema;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      if (description) jsonSchema.description = description;
      jsonSchema.anyOf = [plain, { type: 'string', pattern: '\\$\\{.+\\}' }];
    },
  });
  const { $schema, ...rest } = schema;
  return `${JSON.stringify({ $schema, title: 'clawhold.yaml', ...rest }, null, 2)}\n`;
}
