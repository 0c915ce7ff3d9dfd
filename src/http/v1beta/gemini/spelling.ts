/**
 * Google's API takes the fields of a message in both spellings of protobuf's JSON: `systemInstruction` and
 * `system_instruction` (https://protobuf.dev/programming-guides/json). The gateway reads the first one.
 */

type Fields = Record<string, unknown>;

/** The object with the names of its fields in camel case; itself where they are already. Values stay as they are. */
export function inCamelCase(fields: Fields): Fields {
  let isOther = false;
  for (const name in fields) if (name.includes('_', 1)) isOther = true;
  if (!isOther) return fields;
  const renamed: Fields = {};
  for (const name in fields) renamed[camelCase(name)] = fields[name];
  return renamed;
}

/** The SDKs send `_responseJsonSchema`: the first character stays. */
const camelCase = (name: string): string =>
  name.replace(/(?<=.)_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** The same for objects in objects and lists. Not for values in which the names are the caller's own. */
export function allInCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(allInCamelCase);
  if (value === null || typeof value !== 'object') return value;
  const renamed: Fields = {};
  for (const [name, inner] of Object.entries(value)) renamed[camelCase(name)] = allInCamelCase(inner);
  return renamed;
}
