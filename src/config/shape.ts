import { z } from 'zod';

/** A path into the configuration: `['keys', 0, 'name']`. */
export type Path = readonly PropertyKey[];

/** A setting that is one plain value, and so can be given as an environment variable. */
export interface ScalarSetting {
  path: string[];
  variable: string;
}

/** The schema behind `optional`, `default` and the like. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
    inner = inner.unwrap();
  }
  return inner;
}

/** The schema of what `path` leads to, or undefined where nothing is allowed. */
export function schemaAt(root: z.core.$ZodType, path: Path): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = bare(root);
  for (const step of path) {
    if (schema instanceof z.ZodObject) schema = schema.shape[String(step)];
    else if (schema instanceof z.ZodRecord) schema = schema.valueType;
    else if (schema instanceof z.ZodArray) schema = schema.element;
    else return undefined;
    schema = schema && bare(schema);
  }
  return schema;
}

/** The keys that may stand in the mapping at `path`. */
export function keysAt(root: z.core.$ZodType, path: Path): string[] {
  const schema = schemaAt(root, path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** Numbers, flags and words of a fixed set: never secret, so that a wrong one may be shown. */
export function isShowable(schema: z.core.$ZodType | undefined): boolean {
  return schema instanceof z.ZodNumber || schema instanceof z.ZodBoolean || schema instanceof z.ZodEnum;
}

/** Every scalar setting with its variable, derived from its path: `limits.body_bytes` → `CLAWHOLD_LIMITS_BODY_BYTES`. */
export function scalarSettings(root: z.core.$ZodType, path: string[] = []): ScalarSetting[] {
  const schema = bare(root);
  if (schema instanceof z.ZodObject) {
    return Object.entries(schema.shape).flatMap(([key, inner]) => scalarSettings(inner, [...path, key]));
  }
  if (schema instanceof z.ZodString || isShowable(schema)) {
    return [{ path, variable: `CLAWHOLD_${path.join('_').toUpperCase()}` }];
  }
  return [];
}

/**
 * `value` with text turned into the number or flag that the schema asks for (variables are always
 * text), and with keys that have no value left out (`claws:` with every line under it commented).
 */
export function settle(root: z.core.$ZodType, value: unknown): unknown {
  const schema = bare(root);
  if (typeof value === 'string') return settleText(schema, value);
  if (Array.isArray(value)) {
    return schema instanceof z.ZodArray ? value.map((entry) => settle(schema.element, entry)) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const settled: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (entry === null) continue;
    const inner = schemaAt(schema, [key]);
    settled[key] = inner ? settle(inner, entry) : entry;
  }
  return settled;
}

function settleText(schema: z.core.$ZodType, text: string): unknown {
  if (schema instanceof z.ZodNumber && /^-?\d+(\.\d+)?$/.test(text.trim())) return Number(text);
  if (schema instanceof z.ZodBoolean && /^(true|false)$/i.test(text.trim())) return /true/i.test(text);
  return text;
}
