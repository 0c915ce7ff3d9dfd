import type { Api } from '../api/api.ts';
import { providersText } from '../claws/catalogue/providers-page.ts';
import { exampleText } from '../config/docs/example.ts';
import { jsonSchemaText } from '../config/docs/json-schema.ts';
import { referenceText as configurationText } from '../config/docs/reference.ts';
import { openApiDocument } from '../http/openapi.ts';
import { referenceText } from '../http/reference.ts';
import { routesOf } from '../http/server.ts';

/** Writes the documentation that is made from the code: `bun src/composition/write-docs.ts`. */

/** The routes of a gateway. No route is called here. */
const routes = routesOf({
  api: { admin: {} } as Api,
  settings: () => ({ bodyBytes: 0, bodyMs: 0, socketMs: 0, ruleHeaders: [] }),
  health: { ready: () => true, probeStore: async () => {}, failingClaws: () => [] },
  startedAt: 0,
  reload: async () => ({ state: 'rejected', problems: [] }),
  metrics: { read: async () => ({ contentType: '', text: '' }), key: () => undefined },
  signIns: { signIn: async () => ({ token: '', expiresAt: 0 }), callerOf: () => undefined, signOut() {} },
  dashboard: async () => [],
  configuration: () => [],
});

/** The files by their path from the root of the project, with the function that makes their text. */
export const WRITTEN_FILES = {
  'clawhold.example.yaml': exampleText,
  'docs/clawhold.schema.json': jsonSchemaText,
  'docs/configuration.md': configurationText,
  'docs/openapi.json': () => `${JSON.stringify(openApiDocument(routes), null, 2)}\n`,
  'docs/providers.md': providersText,
  'docs/reference.md': () => referenceText(routes),
};

if (import.meta.main) {
  for (const [path, text] of Object.entries(WRITTEN_FILES))
    await Bun.write(new URL(`../../${path}`, import.meta.url), text());
}
