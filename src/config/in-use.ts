import { z } from 'zod';
import { isObject } from '../core/json.ts';
import { type Origin, pathText } from './problems.ts';
import { fileSchema } from './schema.ts';
import { camelCase } from './setting.ts';
import { isShowable, type Path, schemaAt, settingAt } from './shape.ts';

/** A setting as it is now, for people: without secrets. */
export interface SettingInUse {
  /** `claws.openai.models[0]`, as in the file. */
  name: string;
  /** JSON; absent for a secret, and for a setting without a value. */
  value?: unknown;
  isSecret: boolean;
  isSet: boolean;
  /** `CLAWHOLD_PORT`, `clawhold.yaml:12`, or `default`. */
  origin: string;
  description?: string;
  /** A change takes effect only at a start. */
  needsRestart: boolean;
}

/**
 * Every setting with its value and where it comes from. `settings` is the validated file, `written` what the file and
 * the variables say: what is in neither is a default.
 */
export function settingsInUse(settings: object, written: unknown, origin: Origin): SettingInUse[] {
  const list = (path: Path, value: unknown, source: unknown): SettingInUse[] => {
    const inside = stepsOf(path, value);
    if (!inside) return [entryOf(path, value, source, origin)];
    return inside.flatMap(([step, key]) => list([...path, step], at(value, key), at(source, step)));
  };
  return list([], settings, written);
}

/** The steps to what a mapping, or a list of mappings, contains; `undefined` for one value. */
function stepsOf(path: Path, value: unknown): [step: string | number, key: string | number][] | undefined {
  const schema = schemaAt(fileSchema, path);
  if (schema instanceof z.ZodObject && (isObject(value) || value === undefined))
    return Object.keys(schema.shape).map((name) => [name, camelCase(name)]);
  if (schema instanceof z.ZodRecord && isObject(value)) return Object.keys(value).map((name) => [name, name]);
  const isList = schema instanceof z.ZodArray && Array.isArray(value);
  if (isList && value.some(isObject)) return value.map((_, index) => [index, index]);
  return undefined;
}

const at = (value: unknown, key: string | number): unknown =>
  Object.hasOwn(Object(value), key) ? (value as Record<string | number, unknown>)[key] : undefined;

function entryOf(path: Path, value: unknown, source: unknown, origin: Origin): SettingInUse {
  const { note } = settingAt(fileSchema, path);
  const isSecret = !mayBeShown(path, value);
  return {
    name: pathText(path),
    ...(!isSecret && value !== undefined && { value: withoutCredentials(value) }),
    isSecret,
    isSet: value !== undefined,
    origin: source === undefined ? 'default' : origin.where(path),
    ...(note.description !== undefined && { description: note.description }),
    needsRestart: note.restart === true,
  };
}

/**
 * Whether the schema says what the value is, and not that it is secret. A text of which the schema says nothing, such
 * as a header of a claw, may be a key.
 */
function mayBeShown(path: Path, value: unknown): boolean {
  if (value === undefined) return settingAt(fileSchema, path).note.secret !== true;
  const schema = schemaAt(fileSchema, path);
  const { note } = settingAt(fileSchema, path);
  return isShowable(schema) || (note.secret !== true && note.expected !== undefined);
}

/** An address may contain a name and a password, and its query a key. */
const withoutCredentials = (value: unknown): unknown =>
  typeof value === 'string'
    ? value.replace(/(:\/\/)[^/@\s]*@/, '$1…@').replace(/(:\/\/[^?\s]*)\?.*$/s, '$1?…')
    : value;
