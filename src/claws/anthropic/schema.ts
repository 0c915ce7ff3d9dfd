import { isObject, type Wire } from './wire.ts';

/**
 * Schemas of structured answers and strict tools: the provider's decoder takes a part of JSON Schema
 * and refuses the rest (platform.claude.com, "JSON Schema limitations"). What it does not take is told
 * to the model in the description instead; objects must be closed.
 */
export function decoderSchema(schema: unknown): unknown {
  if (!isObject(schema)) return schema;
  if (typeof schema.$ref === 'string') return { $ref: schema.$ref };
  const out: Wire = {};
  const told: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    const take = key === 'format' && !FORMATS.has(value) ? undefined : KEYWORDS.get(key);
    if (take) take(out, key, value);
    else if (isLimit(key, value)) told.push(`${key}: ${JSON.stringify(value)}`);
  }
  if (out.type === 'object' || isObject(out.properties)) out.additionalProperties = false;
  if (told.length > 0) out.description = [out.description, told.join('; ')].filter(Boolean).join('\n');
  return out;
}

type Take = (out: Wire, key: string, value: unknown) => void;

const asIs: Take = (out, key, value) => {
  out[key] = value;
};
const nested: Take = (out, key, value) => {
  out[key] = Array.isArray(value) ? value.map(decoderSchema) : decoderSchema(value);
};
const named: Take = (out, key, value) => {
  if (!isObject(value)) return;
  out[key] = Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, decoderSchema(schema)]));
};

const KEYWORDS = new Map<string, Take>([
  ['type', asIs],
  ['title', asIs],
  ['description', asIs],
  ['default', asIs],
  ['const', asIs],
  ['enum', asIs],
  ['required', asIs],
  ['items', nested],
  ['anyOf', nested],
  ['allOf', nested],
  ['oneOf', (out, _key, value) => nested(out, 'anyOf', value)],
  ['properties', named],
  ['$defs', named],
  ['definitions', named],
  ['format', asIs],
]);

const FORMATS = new Set<unknown>([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
]);

/** Keywords that say nothing to a model. */
const SILENT = new Set(['$schema', '$id', '$comment', 'additionalProperties', 'strict', 'examples']);

function isLimit(key: string, value: unknown): boolean {
  return !SILENT.has(key) && value !== null && value !== undefined && value !== false;
}
