import { fileSchema } from '../schema.ts';
import { keysAt, type Setting, settingsOf } from '../shape.ts';

/** The widest line of a comment, in characters. */
const WIDTH = 105;

const INTRODUCTION = `\
# yaml-language-server: $schema=./docs/clawhold.schema.json
#
# Every setting here is optional, and docs/configuration.md describes all of them. Copy what you need to
# clawhold.yaml in the directory that Clawhold starts in, or name another file with CLAWHOLD_CONFIG.
# \${NAME} is replaced by that environment variable, and \${NAME:-text} falls back to the text. Inside { } and
# [ ] put quotes around it.
# Every plain value is also a variable, which overrides the file: CLAWHOLD_LIMITS_BODY_BYTES is
# limits.body_bytes.
`;

/** A configuration file that shows every setting, with its default or an example. */
export function exampleText(): string {
  const settings = settingsOf(fileSchema);
  const sections = settings.filter(({ path }) => path.length === 1);
  const paragraphs = sections.map((section) => lines(section, settings, ''));
  return [INTRODUCTION, ...paragraphs.map((paragraph) => `${paragraph.join('\n')}\n`)].join('\n');
}

/** A setting with its comment. A setting without a default is commented out: most operators do not set it. */
function lines(setting: Setting, settings: readonly Setting[], indent: string): string[] {
  const { fallback, note, name, path } = setting;
  const key = path.at(-1);
  const above = comment(setting, indent);
  if (keysAt(fileSchema, path).length > 0) {
    const inside = settings.filter(
      ({ path: inner }) =>
        inner.length === path.length + 1 && path.every((step, index) => inner[index] === step),
    );
    return [
      ...above,
      `${indent}${key}:`,
      ...inside.flatMap((inner) => lines(inner, settings, `${indent}  `)),
    ];
  }
  if (note.example?.startsWith('\n')) {
    const block = note.example.trim().split('\n');
    return [...above, `${indent}${key}:`, ...block.map((line) => `${indent}  ${line}`)];
  }
  if (fallback !== undefined) return [...above, `${indent}${key}: ${String(fallback)}`];
  if (note.example !== undefined) return [...above, `${indent}# ${key}: ${note.example}`];
  throw new Error(`${name} has neither a default nor an example`);
}

function comment({ note }: Setting, indent: string): string[] {
  const prefix = `${indent}# `;
  const wrapped: string[] = [];
  let line = '';
  for (const word of (note.description ?? '').split(' ')) {
    if (line !== '' && `${prefix}${line} ${word}`.length > WIDTH) {
      wrapped.push(line);
      line = '';
    }
    line += line === '' ? word : ` ${word}`;
  }
  return [...wrapped, line].map((text) => prefix + text);
}
