import { exampleText } from './docs/example.ts';
import { jsonSchemaText } from './docs/json-schema.ts';
import { referenceText } from './docs/reference.ts';

/** Writes what is derived from `schema.ts` for people and editors: `bun src/config/write-docs.ts`. */

/** The files by their path from the root of the project, with the function that makes their text. */
export const WRITTEN_FILES = {
  'clawhold.example.yaml': exampleText,
  'docs/clawhold.schema.json': jsonSchemaText,
  'docs/configuration.md': referenceText,
};

if (import.meta.main) {
  for (const [path, text] of Object.entries(WRITTEN_FILES))
    await Bun.write(new URL(`../../${path}`, import.meta.url), text());
}
