import { isObject } from '../../core/json.ts';
import { invalid } from './fields.ts';

/**
 * The fields of an object that are checked. Other fields pass. The check and the published schema use the same
 * value.
 */
export interface Shape {
  /** Required: strings. */
  texts?: readonly string[];
  /** Required: one of the listed values. */
  values?: Readonly<Record<string, readonly string[]>>;
  /** Required: strings, or arrays of content parts. The dialect checks the parts. */
  contents?: readonly string[];
  /** Arrays of objects that have a text. */
  lists?: Readonly<Record<string, 'required' | 'optional'>>;
  /** The `type` may be absent. */
  isUntyped?: true;
  /** At least one of these strings must be present and not empty. */
  sources?: readonly string[];
  /** Strings, which may be absent or null. */
  optional?: readonly string[];
  /** Required: objects with a shape of their own. */
  inside?: Readonly<Record<string, Shape>>;
}

/** Throws an `invalid_request` that names the field. `param` is the path of `value`. */
export function requireShape(value: Record<string, unknown>, shape: Shape, param: string): void {
  const {
    texts = [],
    sources = [],
    optional = [],
    contents = [],
    values = {},
    lists = {},
    inside = {},
  } = shape;
  for (const field in values) {
    if (!values[field]!.includes(value[field] as string))
      throw invalid(`${param}.${field}`, `one of ${values[field]!.join(', ')}`);
  }
  for (const field of texts)
    if (typeof value[field] !== 'string') throw invalid(`${param}.${field}`, 'a string');
  for (const field of [...sources, ...optional]) {
    const found = value[field];
    if (found !== undefined && found !== null && typeof found !== 'string')
      throw invalid(`${param}.${field}`, 'a string');
  }
  for (const field of contents) {
    if (typeof value[field] !== 'string' && !Array.isArray(value[field]))
      throw invalid(`${param}.${field}`, 'a string or an array of content parts');
  }
  for (const field in lists) {
    if (lists[field] === 'required' || (value[field] !== undefined && value[field] !== null))
      requireTexts(value[field], `${param}.${field}`);
  }
  if (sources.length > 0 && !sources.some((source) => value[source]))
    throw invalid(param, `one of ${sources.join(', ')}`);
  for (const field in inside) {
    const inner = value[field];
    const own = inside[field]!;
    if (!isObject(inner) || (own.texts ?? []).some((name) => typeof inner[name] !== 'string'))
      throw invalid(
        `${param}.${field}`,
        `an object with ${fieldsOf(own).join(own.sources ? ' or ' : ' and ')}`,
      );
    requireShape(inner, own, `${param}.${field}`);
  }
}

/** Checks that each part has a text. */
function requireTexts(parts: unknown, param: string): void {
  if (!Array.isArray(parts)) throw invalid(param, 'an array');
  parts.forEach((part: unknown, index) => {
    if (!isObject(part) || typeof part.text !== 'string')
      throw invalid(`${param}[${index}]`, 'a part with a text');
  });
}

const fieldsOf = ({ texts = [], sources = [] }: Shape): string[] => [...texts, ...sources];

export const IMAGE: Shape = { sources: ['image_url', 'file_id'], optional: ['detail'] };
export const FILE: Shape = { sources: ['file_data', 'file_url', 'file_id'], optional: ['filename'] };
export const AUDIO: Shape = { inside: { input_audio: { texts: ['data', 'format'] } } };

/** The parts of a message, or of an output, whose fields are checked, in the words of Open Responses. */
export const CANONICAL_PARTS: ReadonlyMap<string, Shape> = new Map([
  ['input_text', { texts: ['text'] }],
  ['output_text', { texts: ['text'] }],
  ['refusal', { texts: ['refusal'] }],
  ['input_image', IMAGE],
  ['input_file', FILE],
  ['input_audio', AUDIO],
]);

type JsonSchema = Record<string, unknown>;

const TEXTS = {
  type: 'array',
  items: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
};

/** The shape as a JSON Schema. `parts` is the reference to the schema of content parts. */
export function schemaOfShape(shape: Shape, parts?: string): JsonSchema {
  const {
    texts = [],
    sources = [],
    optional = [],
    contents = [],
    values = {},
    lists = {},
    inside = {},
  } = shape;
  const content = { anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: parts } }] };
  const properties: Record<string, JsonSchema> = {};
  for (const field in values) properties[field] = { type: 'string', enum: values[field] };
  for (const field of texts) properties[field] = { type: 'string' };
  for (const field of [...sources, ...optional]) properties[field] = { type: ['string', 'null'] };
  for (const field of contents) properties[field] = content;
  for (const field in lists)
    properties[field] = lists[field] === 'required' ? TEXTS : { anyOf: [TEXTS, { type: 'null' }] };
  for (const field in inside) properties[field] = schemaOfShape(inside[field]!, parts);
  const neededLists = Object.keys(lists).filter((field) => lists[field] === 'required');
  const required = [...Object.keys(values), ...texts, ...contents, ...neededLists, ...Object.keys(inside)];
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    ...(sources.length > 0 && { anyOf: sources.map((source) => ({ required: [source] })) }),
  };
}

/**
 * A union of objects, told apart by `type`. Any other type is allowed too. `own` are schemas of types that have
 * no shape.
 */
export function schemaOfShapes(
  shapes: ReadonlyMap<string, Shape>,
  parts: string,
  own: Readonly<Record<string, JsonSchema>> = {},
): JsonSchema {
  const kinds = [...shapes].map(([type, shape]) => typed(type, schemaOfShape(shape, parts), shape.isUntyped));
  const further = Object.entries(own).map(([type, schema]) => typed(type, schema));
  const known = [...shapes.keys(), ...Object.keys(own)];
  const other = {
    type: 'object',
    description: 'Any other type is passed on unchanged.',
    properties: { type: { type: 'string', not: { enum: known } } },
    required: ['type'],
  };
  return { anyOf: [...kinds, ...further, other] };
}

function typed(type: string, schema: JsonSchema, isUntyped = false): JsonSchema {
  const { properties, required = [] } = schema as { properties: JsonSchema; required?: string[] };
  return {
    ...schema,
    properties: { type: { const: type }, ...properties },
    required: isUntyped ? required : ['type', ...required],
  };
}
