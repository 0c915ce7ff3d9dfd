import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCatalogue } from '../../../src/claws/catalogue/catalogue.ts';
import { embeddingFacts } from '../../../src/claws/catalogue/embedding-models.ts';

const ROOT = join(import.meta.dir, '../../..');
const catalogue = loadCatalogue();

const PAGES = [
  'README.md',
  'clawhold.example.yaml',
  ...files('docs/*.md'),
  ...files('{src/{cli,config},examples}/**/*'),
];

function files(pattern: string): string[] {
  return [...new Bun.Glob(pattern).scanSync(ROOT)];
}

test('models in the documentation, the help and the examples exist and are not shut down', () => {
  const named = PAGES.flatMap((page) =>
    [
      ...readFileSync(join(ROOT, page), 'utf8').matchAll(
        /\b([a-z]+)\/((?:[\w.:-]+\/)?[a-z][\w.:-]*\d[\w.:-]*\w|[a-z]+-\d)/g,
      ),
    ].map(([name, provider, model]) => ({ page, name, provider: provider!, model: model! })),
  ).filter(
    ({ provider, model }) => catalogue.models(provider).length > 0 && !embeddingFacts(provider, model),
  );
  expect(named.length).toBeGreaterThan(10);
  const wrong = named.filter(({ provider, model }) => catalogue.model(provider, model)?.deprecated !== false);
  expect(wrong).toEqual([]);
});
