import { z } from 'zod';

/** A path into the configuration: `['keys', 0, 'name']`. */
export type Path = readonly PropertyKey[];

/** One setting of the schema, or a mapping or list that contains settings. */
export interface Setting {
  /** `<name>` is a name that the operator chooses, `[]` an entry of a list: `['claws', '<name>', 'models']`. */
  path: string[];
  /** The path as one text: `keys[].name`. */
  name: string;
  /** Its `CLAWHOLD_…` variable. Only a plain value at a fixed path has one. */
  variable?: string;
  /** The schema behind `optional`, `default` and the like. */
  schema: z.core.$ZodType;
  /** Absent for a setting without a default. */
  fallback?: unknown;
  note: z.core.GlobalMeta;
}

/** A setting that is one plain value, and so can be given as an environment variable. */
export type ScalarSetting = Setting & { variable: string };

/** The schema itself, then those that it wraps (`optional`, `default`, a transform…), the innermost last. */
function layersOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return [schema, ...layersOf(schema.unwrap())];
  // A shorthand (`z.preprocess`) has the schema of what it stands for.
  if (schema instanceof z.ZodPipe)
    return [schema, ...layersOf(schema.in instanceof z.ZodTransform ? schema.out : schema.in)];
  return [schema];
}

/** The schema of what the file writes, without the layers around it. */
function bare(schema: z.core.$ZodType): z.core.$ZodType {
  return layersOf(schema).at(-1)!;
}

/** The schema of what `path` leads to, or undefined where nothing is allowed. */
export function schemaAt(root: z.core.$ZodType, path: Path): z.core.$ZodType | undefined {
  const schema = layeredAt(root, path);
  return schema && bare(schema);
}

/** What is allowed at `path`, in words, if the schema says it. */
export function expectedAt(root: z.core.$ZodType, path: Path): string | undefined {
  const schema = layeredAt(root, path);
  const layers = schema ? layersOf(schema) : [];
  return layers.map((layer) => z.globalRegistry.get(layer)?.expected).find((said) => said !== undefined);
}

/** What the schema says about the setting at `path`. */
export function settingAt(root: z.core.$ZodType, path: Path): Pick<Setting, 'note'> {
  const schema = layeredAt(root, path);
  return { note: schema ? noteOf(layersOf(schema)) : {} };
}

/** The outer layers say more about the setting than the inner ones. */
const noteOf = (layers: readonly z.core.$ZodType[]): z.core.GlobalMeta =>
  Object.assign({}, ...layers.toReversed().map((layer) => z.globalRegistry.get(layer)));

/** The schema at `path` with the layers around it. */
function layeredAt(root: z.core.$ZodType, path: Path): z.core.$ZodType | undefined {
  let layered: z.core.$ZodType | undefined = root;
  for (const step of path) {
    const schema: z.core.$ZodType | undefined = layered && bare(layered);
    if (schema instanceof z.ZodObject) layered = schema.shape[String(step)];
    else if (schema instanceof z.ZodRecord) layered = schema.valueType;
    else if (schema instanceof z.ZodArray) layered = schema.element;
    else return undefined;
  }
  return layered;
}

/** The keys that the mapping at `path` may have. */
export function keysAt(root: z.core.$ZodType, path: Path): string[] {
  const schema = schemaAt(root, path);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

/** Numbers, flags and words of a fixed set are never secret, so a message may show a wrong one. */
export function isShowable(schema: z.core.$ZodType | undefined): boolean {
  if (schema instanceof z.ZodUnion) return schema.options.every((option) => isShowable(option as z.ZodType));
  return schema instanceof z.ZodNumber || schema instanceof z.ZodBoolean || schema instanceof z.ZodEnum;
}

/** Every setting below `root`, in the schema's order; a mapping or list comes before what it contains. */
export function settingsOf(root: z.core.$ZodType, path: string[] = []): Setting[] {
  const schema = bare(root);
  if (schema instanceof z.ZodRecord) return settingsBelow(schema.valueType, [...path, '<name>']);
  if (schema instanceof z.ZodArray) return settingsOf(schema.element, [...path, '[]']);
  if (!(schema instanceof z.ZodObject)) return [];
  return Object.entries(schema.shape).flatMap(([key, inner]) => settingsBelow(inner, [...path, key]));
}

function settingsBelow(root: z.core.$ZodType, path: string[]): Setting[] {
  const layers = layersOf(root);
  const schema = bare(root);
  const plain = schema instanceof z.ZodString || isShowable(schema);
  const fixed = !path.includes('<name>') && !path.includes('[]');
  const setting: Setting = {
    path,
    name: path.join('.').replaceAll('.[]', '[]'),
    // `limits.body_bytes` → `CLAWHOLD_LIMITS_BODY_BYTES`
    variable: plain && fixed ? `CLAWHOLD_${path.join('_').toUpperCase()}` : undefined,
    schema,
    fallback: layers.find((layer) => layer instanceof z.ZodDefault)?.def.defaultValue,
    note: noteOf(layers),
  };
  return [setting, ...settingsOf(root, path)];
}

/** Every setting that has a variable. */
export function scalarSettings(root: z.core.$ZodType): ScalarSetting[] {
  return settingsOf(root).filter((setting): setting is ScalarSetting => setting.variable !== undefined);
}

/**
 * `value` with texts turned into the numbers or flags that the schema asks for (variables are always
 * text), and without the keys that have no value (`claws:` with every line under it commented out).
 */
export function coerce(root: z.core.$ZodType, value: unknown): unknown {
  const schema = bare(root);
  if (typeof value === 'string') return coerceText(schema, value);
  if (Array.isArray(value)) {
    return schema instanceof z.ZodArray ? value.map((entry) => coerce(schema.element, entry)) : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const coerced: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    if (entry === null) continue;
    const inner = schemaAt(schema, [key]);
    coerced[key] = inner ? coerce(inner, entry) : entry;
  }
  return coerced;
}

function coerceText(schema: z.core.$ZodType, text: string): unknown {
  if (schema instanceof z.ZodUnion && isShowable(schema)) {
    const coerced = schema.options.map((option) => coerceText(option as z.ZodType, text));
    return coerced.find((value) => value !== text) ?? text;
  }
  if (schema instanceof z.ZodNumber && /^-?\d+(\.\d+)?$/.test(text.trim())) return Number(text);
  if (schema instanceof z.ZodBoolean && /^(true|false)$/i.test(text.trim())) return /true/i.test(text);
  return text;
}
