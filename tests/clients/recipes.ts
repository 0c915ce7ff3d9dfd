import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `docs/clients.md`. */
export const PAGE = readFileSync(join(import.meta.dir, '../../docs/clients.md'), 'utf8');
/** The gateway's address on the page. */
const ADDRESS = 'http://127.0.0.1:2529';

/** The configuration of a client, from its section of `docs/clients.md`. */
export interface Recipe {
  /** The version that the section names. */
  version: string;
  /** Files of the section: `In \`path\`:` and a code block. */
  files: { path: string; text: string }[];
  /** The blocks of shell commands. */
  commands: string[];
  /** The blocks of TypeScript. */
  programs: string[];
}

/** Reads a section, with the address `url` instead of that of the page. */
export function recipe(heading: string, url: string): Recipe {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (!section) throw new Error(`docs/clients.md has no section "${heading}"`);
  const blocks = [...section.replaceAll(ADDRESS, url).matchAll(/(.*)\n\n```(\w+)\n([\s\S]*?)```/g)].map(
    ([, before, language, text]) => ({ path: /\bIn `([^`]+)`/.exec(before!)?.[1], language, text: text! }),
  );
  const inLanguage = (language: string) =>
    blocks.flatMap((block) => (!block.path && block.language === language ? [block.text] : []));
  return {
    version: /\bVersions? .*?(\d+\.\d+\.\d+)/.exec(section)?.[1] ?? '',
    files: blocks.flatMap(({ path, text }) => (path ? [{ path, text }] : [])),
    commands: inLanguage('sh'),
    programs: inLanguage('ts'),
  };
}
