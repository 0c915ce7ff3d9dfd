import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dir, '../..');
const SRC = join(ROOT, 'src');

const sources = [...new Bun.Glob('**/*.ts').scanSync(SRC)].map((path) => ({
  path,
  text: readFileSync(join(SRC, path), 'utf8'),
}));

/** The words that `docs/architecture.md` explains. */
function glossary(): string[] {
  const text = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
  const section = text.slice(
    text.indexOf('## Glossary'),
    text.indexOf('\n## ', text.indexOf('## Glossary') + 1),
  );
  return [...section.matchAll(/^\| \*\*(.+?)\*\* \|/gm)].map((match) => match[1]!);
}

describe('the glossary', () => {
  test('has only words that occur in the code', () => {
    const unused = glossary().filter((word) => {
      const used = new RegExp(word, 'i');
      return !sources.some(({ path, text }) => used.test(path) || used.test(text));
    });
    expect(glossary().length).toBeGreaterThan(20);
    expect(unused).toEqual([]);
  });

  test('explains every word once', () => {
    expect(new Set(glossary()).size).toBe(glossary().length);
  });
});

/** Parts of the tree in which every exported type has a comment. */
const DOCUMENTED =
  /^(core|api|turn|session|routing|claws|context|limits|security|usage|stores|observe|workers)\//;

describe('every part of the path of a turn', () => {
  test('documents every type that it exports', () => {
    const undocumented = sources
      .filter(({ path }) => DOCUMENTED.test(path))
      .flatMap(({ path, text }) =>
        [...text.matchAll(/(\*\/\n)?^export (?:abstract )?(?:interface|type|class) (\w+)/gm)]
          .filter(([, comment]) => comment === undefined)
          .map(([, , name]) => `${path}: ${name}`),
      );
    expect(undocumented).toEqual([]);
  });
});
