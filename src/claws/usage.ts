type Json = Record<string, unknown>;

/**
 * A provider's usage object that comes in several chunks. Counts only grow, but some servers send later
 * chunks with zeros, or with a part of the fields. So a value replaces an earlier one only if it says more.
 */
export function laterUsage(before: Json, after: Json): Json {
  const both: Json = { ...before };
  for (const [key, next] of Object.entries(after)) {
    const old = before[key];
    if (next === null || next === undefined || key === '__proto__') continue;
    if (isObject(old) && isObject(next)) both[key] = laterUsage(old, next);
    else if (old === undefined || old === null || !isEmpty(next)) both[key] = next;
  }
  return both;
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isEmpty = (value: unknown): boolean => value === 0 || (Array.isArray(value) && value.length === 0);
