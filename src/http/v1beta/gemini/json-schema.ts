import { isObject } from '../../../core/json.ts';
import { inCamelCase } from './spelling.ts';

type Fields = Record<string, unknown>;

/** What only orders or illustrates a schema of Google's. */
const LEFT_OUT = new Set(['propertyOrdering', 'example', 'nullable']);
/** The counts are of the type `int64`, which protobuf writes as text. */
const COUNTS = new Set(['maxItems', 'minItems', 'maxLength', 'minLength', 'maxProperties', 'minProperties']);

/**
 * A schema in Google's own form (https://ai.google.dev/api/caching#Schema) as JSON Schema: types in lower case,
 * `nullable` as a type, numbers as numbers.
 */
export function jsonSchemaOf(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  const given = inCamelCase(schema);
  const written: Fields = {};
  for (const [field, value] of Object.entries(given)) {
    if (LEFT_OUT.has(field)) continue;
    if (field === 'type') written.type = typeof value === 'string' ? value.toLowerCase() : value;
    else if (field === 'items') written.items = jsonSchemaOf(value);
    else if (field === 'anyOf') written.anyOf = Array.isArray(value) ? value.map(jsonSchemaOf) : value;
    else if (field === 'properties') written.properties = propertiesOf(value);
    else if (COUNTS.has(field) && typeof value === 'string') written[field] = Number(value);
    else written[field] = value;
  }
  // "Not specified, should not be used."
  if (written.type === 'type_unspecified') delete written.type;
  return given.nullable === true ? nullable(written) : written;
}

const propertiesOf = (properties: unknown): unknown =>
  isObject(properties)
    ? Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, jsonSchemaOf(value)]))
    : properties;

function nullable(schema: Fields): Fields {
  if (typeof schema.type !== 'string') return { anyOf: [schema, { type: 'null' }] };
  const all = Array.isArray(schema.enum) ? { enum: [...schema.enum, null] } : {};
  return { ...schema, type: [schema.type, 'null'], ...all };
}
