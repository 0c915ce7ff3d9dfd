import { PROVIDERS, type ProviderRow } from './providers.ts';

const INTRODUCTION = `\
# Providers

A provider is on when its key is in the environment, or when a server answers at its port on this machine. A model is called as \`provider/model\`; the aliases in the second column may be used as the provider, too. If several variables are listed, the first one that is set is used. The variable of the base URL replaces the address, for example by that of a proxy. [clawhold.yaml](configuration.md) can change all of it under \`claws\`, and can add further providers.

\`bun src/composition/write-docs.ts\` writes this page from \`src/claws/catalogue/providers.ts\`.
`;

/** A page that lists every provider of the catalogue. */
export function providersText(): string {
  const remote = PROVIDERS.filter((row) => !row.local);
  const local = PROVIDERS.filter((row) => row.local);
  return [
    INTRODUCTION,
    `## Services\n\n${table(remote)}`,
    `## Servers on this machine\n\nThey need no key; one that is set is sent.\n\n${table(local)}`,
  ].join('\n');
}

const HEAD = `\
| provider | id | variable of the key | variable of the base URL | base URL | protocols |
|---|---|---|---|---|---|`;

function table(rows: readonly ProviderRow[]): string {
  return `${[HEAD, ...rows.map(line)].join('\n')}\n`;
}

function line(row: ProviderRow): string {
  const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');
  const cells = [
    row.name,
    code([row.id, ...(row.aliases ?? [])]),
    code(row.keyVariables),
    code(row.baseUrlVariables),
    row.baseUrl,
    row.protocols.join(', '),
  ];
  return `| ${cells.join(' | ')} |`;
}
