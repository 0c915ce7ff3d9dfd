import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dir, '../..');
const PAGES = [...new Bun.Glob('{*.md,docs/**/*.md,bench/*.md}').scanSync(ROOT)].map((path) =>
  join(ROOT, path),
);

/** The anchor that GitHub gives to a heading. */
const anchorOf = (heading: string): string =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .trim()
    .replaceAll(' ', '-');

function anchorsOf(page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map((match) => anchorOf(match[1]!));
}

test('each link of the documentation leads to a file and a heading that exist', () => {
  const broken = PAGES.flatMap((page) =>
    [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].flatMap((match) => {
      const [path, anchor] = match[1]!.split('#');
      const target = path ? join(dirname(page), path) : page;
      const exists = existsSync(target) && (anchor === undefined || anchorsOf(target).includes(anchor));
      return exists ? [] : [`${relative(ROOT, page)}: ${match[1]}`];
    }),
  );
  expect(broken).toEqual([]);
});
