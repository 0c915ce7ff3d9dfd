import type { ToolTable } from './table.ts';

/** A tool of the caller, as the caller names it. */
export interface NamedTool {
  kind: 'function' | 'custom';
  name: string;
  namespace?: string;
}

/**
 * The names of the caller's tools in one request to a provider. The provider may refuse characters or lengths,
 * and it may have no namespaces. Each tool gets a valid name that no other one has. Equal requests give equal
 * names.
 */
export class ToolNames {
  private readonly sent = new Map<string, string>();
  private readonly tools = new Map<string, NamedTool>();

  constructor(private readonly table: Pick<ToolTable, 'names' | 'nameLength'>) {}

  /** The name that the provider gets. */
  sentFor(tool: NamedTool): string {
    const key = JSON.stringify([tool.kind, tool.namespace, tool.name]);
    const known = this.sent.get(key);
    if (known !== undefined) return known;
    const name = this.free(this.valid(fullName(tool)));
    this.sent.set(key, name);
    this.tools.set(name, tool);
    return name;
  }

  /** Whether the provider takes the tool's own name. */
  isValid({ name, namespace }: NamedTool): boolean {
    return namespace === undefined && this.valid(name) === name;
  }

  /** The tool of a name that came from the provider. Undefined for a name that was not sent. */
  toolOf(sent: string): NamedTool | undefined {
    return this.tools.get(sent);
  }

  private valid(name: string): string {
    const { names, nameLength } = this.table;
    const isShort = name.length <= nameLength;
    if (isShort && names.test(name)) return name;
    const characters = Array.from(name, (character) => (names.test(`_${character}`) ? character : '_'));
    const safe = characters.join('') || '_';
    return (names.test(safe) ? safe : `_${safe}`).slice(0, nameLength);
  }

  private free(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.tools.has(name); count++) {
      const ending = `_${count}`;
      name = wanted.slice(0, this.table.nameLength - ending.length) + ending;
    }
    return name;
  }
}

const fullName = ({ name, namespace }: NamedTool): string =>
  namespace === undefined ? name : `${namespace.replace(/_+$/, '')}__${name}`;
