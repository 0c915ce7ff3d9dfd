import { isObject } from '../../core/json.ts';

type Schema = Record<string, unknown>;

const COMBINERS = ['allOf', 'anyOf', 'oneOf'] as const;

/** How deep combiners and references may be nested at the top of a schema. A reference may lead to itself. */
const MOST_LEVELS = 8;

/**
 * The parameters of a function as every provider takes them. At the top there must be an object without a
 * combiner. OpenAI: "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top
 * level". Anthropic: "input_schema does not support oneOf, allOf, or anyOf at the top level". The alternatives
 * become optional properties, and the description says what belongs together. A valid schema is returned as it is.
 */
export function topObject(schema: Schema): Schema {
  if (isPlainObject(schema)) return schema;
  const flat = flatten(schema, schema, 0);
  const { $defs, definitions, $schema } = schema;
  return {
    ...($schema !== undefined && { $schema }),
    ...flat.rest,
    type: 'object',
    ...(flat.notes.length > 0 && {
      description: [flat.rest.description, ...flat.notes].filter(Boolean).join('\n'),
    }),
    properties: Object.fromEntries(flat.properties),
    ...(flat.required.length > 0 && { required: flat.required }),
    ...($defs !== undefined && { $defs }),
    ...(definitions !== undefined && { definitions }),
  };
}

function isPlainObject(schema: Schema): boolean {
  return schema.type === 'object' && ![...COMBINERS, '$ref', 'enum', 'not'].some((key) => key in schema);
}

interface Flat {
  /** A map: names may be those that every object has, such as `constructor`. */
  properties: ReadonlyMap<string, unknown>;
  required: string[];
  /** Further keywords of the schema itself. */
  rest: Schema;
  /** What the properties cannot say. */
  notes: string[];
}

function flatten(schema: Schema, root: Schema, level: number): Flat {
  const { allOf, anyOf, oneOf, $ref, $defs, definitions, $schema, ...plain } = schema;
  const { type, properties, required, not, enum: _values, ...rest } = plain;
  const flat: Flat = {
    properties: new Map(isObject(properties) ? Object.entries(properties) : []),
    required: Array.isArray(required) ? required.map(String) : [],
    rest,
    notes: not === undefined ? [] : [`not: ${JSON.stringify(not)}`],
  };
  if (level >= MOST_LEVELS) return flat;
  const inner = (part: unknown): Flat => flatten(isObject(part) ? part : {}, root, level + 1);
  const all = Array.isArray(allOf) ? allOf.map(inner) : [];
  for (const part of [...(typeof $ref === 'string' ? [inner(resolve(root, $ref))] : []), ...all]) {
    Object.assign(flat, {
      properties: new Map([...part.properties, ...flat.properties]),
      required: [...new Set([...flat.required, ...part.required])],
      rest: { ...part.rest, ...flat.rest },
      notes: [...flat.notes, ...part.notes],
    });
  }
  for (const options of [anyOf, oneOf]) if (Array.isArray(options)) addOptions(flat, options.map(inner));
  return flat;
}

/** Only what every option requires is required. */
function addOptions(flat: Flat, options: Flat[]): void {
  const all = new Map(flat.properties);
  for (const { properties } of options)
    for (const [name, schema] of properties) all.set(name, merged(all.get(name), schema));
  flat.properties = all;
  const common =
    options[0]?.required.filter((name) => options.every(({ required }) => required.includes(name))) ?? [];
  flat.required = [...new Set([...flat.required, ...common])];
  const names = options.map(({ required, properties }) => {
    const shown = required.length > 0 ? required : [...properties.keys()];
    return shown.length > 0 ? shown.join(', ') : 'nothing';
  });
  flat.notes.push(`Give one of these sets of fields: ${names.join(' | ')}.`);
}

/** Two options may give one property different values, such as the constant that tells them apart. */
function merged(known: unknown, schema: unknown): unknown {
  if (known === undefined || Bun.deepEquals(known, schema)) return schema;
  const options =
    isObject(known) && Object.keys(known).length === 1 && Array.isArray(known.anyOf) ? known.anyOf : [known];
  return options.some((option) => Bun.deepEquals(option, schema)) ? known : { anyOf: [...options, schema] };
}

/** A reference within the schema: `#/$defs/Name`. */
function resolve(root: Schema, reference: string): unknown {
  if (!reference.startsWith('#')) return undefined;
  const path = reference.split('/').slice(1);
  let node: unknown = root;
  for (const step of path) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    node = isObject(node) && Object.hasOwn(node, key) ? node[key] : undefined;
  }
  return node;
}
