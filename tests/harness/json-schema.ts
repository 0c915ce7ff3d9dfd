import { isJson, type Json } from '../simulators/provider/shape.ts';

/**
 * Checks values against the schemas of an OpenAPI document: types, required fields, enums, unions. It does not
 * check lengths and patterns. Each problem is one line of text.
 */
export class SchemaBook {
  constructor(private readonly schemas: Record<string, Json>) {}

  static async load(path: string): Promise<SchemaBook> {
    const { components } = (await Bun.file(path).json()) as { components: { schemas: Record<string, Json> } };
    return new SchemaBook(components.schemas);
  }

  /** Checks a value against any schema of the document. */
  problemsWith(schema: Json, value: unknown): string[] {
    return this.check(schema, value, 'value');
  }

  /** The name of the schema of a streaming event; undefined if the document has none. */
  eventSchema(type: string): string | undefined {
    return Object.keys(this.schemas).find((name) => {
      const named = (this.schemas[name]?.properties as Json | undefined)?.type as Json | undefined;
      return name.endsWith('StreamingEvent') && (named?.enum as string[] | undefined)?.includes(type);
    });
  }

  problems(name: string, value: unknown): string[] {
    return this.check({ $ref: `#/components/schemas/${name}` }, value, name);
  }

  private check(schema: Json, value: unknown, at: string): string[] {
    if (typeof schema.$ref === 'string')
      return this.check(this.schemas[schema.$ref.split('/').at(-1)!]!, value, at);
    const all = (schema.allOf as Json[] | undefined)?.flatMap((part) => this.check(part, value, at)) ?? [];
    const any = (schema.oneOf ?? schema.anyOf) as Json[] | undefined;
    if (any?.length) {
      const found = any.map((part) => this.check(part, value, at));
      const closest = found.reduce((least, next) => (next.length < least.length ? next : least));
      return [...all, ...closest];
    }
    if (Array.isArray(schema.enum) && !schema.enum.includes(value))
      return [`${at}: ${JSON.stringify(value)} is not one of ${schema.enum.join(', ')}`];
    if ('const' in schema && schema.const !== value)
      return [`${at}: ${JSON.stringify(value)} is not ${JSON.stringify(schema.const)}`];
    if (isJson(schema.not) && this.check(schema.not, value, at).length === 0)
      return [`${at}: ${JSON.stringify(value)} is not allowed`];
    const types = [schema.type ?? []].flat() as string[];
    if (types.length > 0 && !types.some((type) => isOfType(type, value)))
      return [`${at}: expected ${schema.type}, got ${JSON.stringify(value)}`];
    return [...all, ...this.checkInside(schema, value, at)];
  }

  private checkInside(schema: Json, value: unknown, at: string): string[] {
    if (Array.isArray(value) && isJson(schema.items)) {
      const { items } = schema;
      return value.flatMap((entry, index) => this.check(items, entry, `${at}[${index}]`));
    }
    if (!isJson(value)) return [];
    const missing = ((schema.required as string[] | undefined) ?? []).filter((field) => !(field in value));
    const properties = Object.entries((schema.properties as Record<string, Json> | undefined) ?? {});
    const { additionalProperties } = schema;
    const named = new Set(properties.map(([field]) => field));
    const further = Object.keys(value).filter((field) => !named.has(field) && value[field] !== undefined);
    return [
      ...(additionalProperties === false ? further.map((field) => `${at}.${field}: is not known`) : []),
      ...(isJson(additionalProperties)
        ? further.flatMap((field) => this.check(additionalProperties, value[field], `${at}.${field}`))
        : []),
      ...missing.map((field) => `${at}.${field}: is missing`),
      ...properties.flatMap(([field, inner]) =>
        value[field] === undefined ? [] : this.check(inner, value[field], `${at}.${field}`),
      ),
    ];
  }
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'object':
      return isJson(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    default:
      return typeof value === type;
  }
}
