import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { isObject } from '../core/json.ts';
import type { Config } from './config.ts';
import { pathText } from './problems.ts';
import { fileSchema } from './schema.ts';
import { camelCase } from './setting.ts';
import { type Path, schemaAt } from './shape.ts';

/**
 * The settings that differ, by their names in the file: `claws.openai.api_key`, `keys[1]`. Of what was added or
 * removed, only its own name is given. No value is part of a name.
 */
export function changedSettings(before: Config, after: Config): string[] {
  return differences([], before, after).map(pathText);
}

function differences(path: Path, before: unknown, after: unknown): Path[] {
  if (isDeepStrictEqual(before, after)) return [];
  const inside = partsOf(path, before, after).flatMap(([step, key]) =>
    differences([...path, step], at(before, key), at(after, key)),
  );
  // Loading may give a setting another form than the file has. Then the name of the whole setting is enough.
  return inside.length > 0 || path.length === 0 ? inside : [path];
}

/** The steps that lead from a setting to those in it, and the keys of their values. */
function partsOf(
  path: Path,
  before: unknown,
  after: unknown,
): [step: string | number, key: string | number][] {
  if (Array.isArray(before) && Array.isArray(after)) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, index) => [index, index]);
  }
  if (!isObject(before) || !isObject(after)) return [];
  const schema = schemaAt(fileSchema, path);
  if (schema instanceof z.ZodObject) return Object.keys(schema.shape).map((name) => [name, camelCase(name)]);
  if (!(schema instanceof z.ZodRecord)) return [];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].map((name) => [name, name]);
}

const at = (value: unknown, key: string | number): unknown =>
  Object.hasOwn(Object(value), key) ? (value as Record<string | number, unknown>)[key] : undefined;
