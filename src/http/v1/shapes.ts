import { invalid, isRecord } from './fields.ts';

/**
 * The fields of an object that are checked; all others pass. The check and the published schema are made from the
 * same value.
 */
export interface Shape {
  /** Required: strings. */
  texts?: readonly string[];
  /** At least one of these strings has content. */
  sources?: readonly string[];
  /** Strings, which may be absent or null. */
  optional?: readonly string[];
  /** Required: objects with a shape of their own. */
  inside?: Readonly<Record<string, Shape>>;
}

/** Throws an `invalid_request` that names the field, below `param`. */
export function requireShape(value: Record<string, unknown>, shape: Shape, param: string): void {
  const { texts = [], sources = [], optional = [], inside = {} } = shape;
  for (const field of texts)
    if (typeof value[field] !== 'string') throw invalid(`${param}.${field}`, 'a string');
  for (const field of [...sources, ...optional]) {
    const found = value[field];
    if (found !== undefined && found !== null && typeof found !== 'string')
      throw invalid(`${param}.${field}`, 'a string');
  }
  if (sources.length > 0 && !sources.some((source) => value[source]))
    throw invalid(param, `one of ${sources.join(', ')}`);
  for (const field in inside) {
    const inner = value[field];
    const own = inside[field]!;
    if (!isRecord(inner) || (own.texts ?? []).some((name) => typeof inner[name] !== 'string'))
      throw invalid(
        `${param}.${field}`,
        `an object with ${fieldsOf(own).join(own.sources ? ' or ' : ' and ')}`,
      );
    requireShape(inner, own, `${param}.${field}`);
  }
}

const fieldsOf = ({ texts = [], sources = [] }: Shape): string[] => [...texts, ...sources];

export const IMAGE: Shape = { sources: ['image_url', 'file_id'], optional: ['detail'] };
export const FILE: Shape = { sources: ['file_data', 'file_url', 'file_id'], optional: ['filename'] };
export const AUDIO: Shape = { inside: { input_audio: { texts: ['data', 'format'] } } };

type JsonSchema = Record<string, unknown>;

/** The same as a JSON Schema. */
export function schemaOfShape({ texts = [], sources = [], optional = [], inside = {} }: Shape): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  for (const field of texts) properties[field] = { type: 'string' };
  for (const field of [...sources, ...optional]) properties[field] = { type: ['string', 'null'] };
  for (const field in inside) properties[field] = schemaOfShape(inside[field]!);
  const required = [...texts, ...Object.keys(inside)];
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    ...(sources.length > 0 && { anyOf: sources.map((source) => ({ required: [source] })) }),
  };
}

/** A union of objects by their `type`, and of any further type. */
export function schemaOfShapes(
  shapes: ReadonlyMap<string, Shape>,
  further: readonly JsonSchema[] = [],
): JsonSchema {
  const kinds = [...shapes].map(([type, shape]) => {
    const {
      properties,
      required = [],
      ...rest
    } = schemaOfShape(shape) as {
      properties: JsonSchema;
      required?: string[];
    };
    return { ...rest, properties: { type: { const: type }, ...properties }, required: ['type', ...required] };
  });
  const known = [...shapes.keys(), ...further.flatMap(typeOf)];
  const other = {
    type: 'object',
    description: 'Any other type is sent on as it is.',
    properties: { type: { type: 'string', not: { enum: known } } },
    required: ['type'],
  };
  return { anyOf: [...kinds, ...further, other] };
}

const typeOf = ({ properties }: JsonSchema): string[] => {
  const { type } = properties as { type?: { const?: string } };
  return type?.const === undefined ? [] : [type.const];
};
