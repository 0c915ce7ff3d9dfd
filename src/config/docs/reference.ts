import { fileSchema } from '../schema.ts';
import { keysAt, type Setting, settingsOf } from '../shape.ts';

const INTRODUCTION = `\
# Configuration

Every setting is optional. Settings come from the file \`clawhold.yaml\` (or \`clawhold.yml\`) in the directory that Clawhold starts in; \`CLAWHOLD_CONFIG\` names another file. An environment variable overrides the file, and the file overrides the default. [clawhold.example.yaml](../clawhold.example.yaml) shows every setting, and [clawhold.schema.json](clawhold.schema.json) is the JSON Schema for editors.

- In the file, \`\${NAME}\` is replaced by that environment variable, and \`\${NAME:-text}\` falls back to the text if the variable is unset or empty. \`$\${\` becomes a plain \`\${\`.
- A variable without content counts as unset.
- An unknown key, an unknown \`CLAWHOLD_…\` variable or a wrong value stops the start. The message names the line. \`CLAWHOLD_URL\` is for clients (\`examples/\`) and has no effect on the gateway.
- "Restart: yes" means that a change takes effect only at a start. All other changes take effect when the file changes; a file with errors changes nothing ([operations](operations.md#a-new-configuration)).

\`bun src/composition/write-docs.ts\` writes this page from \`src/config/schema.ts\`.
`;

/** A page that describes every setting: one table for each section of the file. */
export function referenceText(): string {
  const settings = settingsOf(fileSchema);
  const hasSection = ({ path: [first = ''] }: Setting) =>
    settings.some(({ path }) => path.length > 1 && path[0] === first);
  const single = settings.filter((setting) => !hasSection(setting));
  const sections = settings.filter((setting) => setting.path.length === 1 && hasSection(setting));
  return [
    INTRODUCTION,
    `## Gateway\n\n${table(single)}`,
    ...sections.map((section) => {
      const inside = settings.filter(({ path }) => path.length > 1 && path[0] === section.name);
      return `## ${section.name}\n\n${section.note.description}\n\n${table(inside)}${example(section)}`;
    }),
  ].join('\n');
}

function table(settings: readonly Setting[]): string {
  const rows = settings.filter(({ note }) => note.description || note.expected).map(row);
  const head = '| key | variable | type | default | restart | what it does |\n|---|---|---|---|---|---|';
  return `${[head, ...rows].join('\n')}\n`;
}

function row({ name, variable, fallback, note }: Setting): string {
  const cells = [
    `\`${name}\``,
    variable === undefined ? '–' : `\`${variable}\``,
    note.expected ?? 'a mapping',
    fallback !== undefined ? `\`${String(fallback)}\`` : '–',
    note.restart ? 'yes' : 'no',
    note.description ?? '',
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** The YAML of a section whose names or entries the operator chooses; empty for any other section. */
function example({ name, note }: Setting): string {
  if (note.example === undefined || keysAt(fileSchema, [name]).length > 0) return '';
  const block = note.example.trim().split('\n');
  return `\n\`\`\`yaml\n${name}:\n${block.map((line) => `  ${line}`).join('\n')}\n\`\`\`\n`;
}
