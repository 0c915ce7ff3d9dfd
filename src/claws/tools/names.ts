import { freeName, isValidName, type NameRule } from './name-rule.ts';
import type { PropertyNames } from './property-names.ts';

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
  private readonly properties = new Map<string, PropertyNames>();

  constructor(private readonly rule: NameRule) {}

  /** The name that the provider gets. */
  sentFor(tool: NamedTool): string {
    const key = JSON.stringify([tool.kind, tool.namespace, tool.name]);
    const known = this.sent.get(key);
    if (known !== undefined) return known;
    const name = freeName(fullName(tool), this.rule, (taken) => this.tools.has(taken));
    this.sent.set(key, name);
    this.tools.set(name, tool);
    return name;
  }

  /** Whether the provider takes the tool's own name. */
  isValid({ name, namespace }: NamedTool): boolean {
    return namespace === undefined && isValidName(name, this.rule);
  }

  /** The tool of a name that came from the provider. Undefined for a name that was not sent. */
  toolOf(sent: string): NamedTool | undefined {
    return this.tools.get(sent);
  }

  /** Notes that the tool's arguments have other names at the provider. `sent` is the name that the provider gets. */
  noteProperties(sent: string, names: PropertyNames): void {
    this.properties.set(sent, names);
  }

  /**
   * The names of properties in the tool's arguments. Undefined where the provider takes the caller's own names.
   */
  propertiesOf(sent: string): PropertyNames | undefined {
    return this.properties.get(sent);
  }
}

const fullName = ({ name, namespace }: NamedTool): string =>
  namespace === undefined ? name : `${namespace.replace(/_+$/, '')}__${name}`;
