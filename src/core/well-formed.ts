/**
 * Lone surrogates: halves of a UTF-16 pair, as a text has them that was cut between two UTF-16 units. JSON can carry
 * them (`"\ud82d"`), but UTF-8 cannot, and providers refuse a request that has one. Each becomes U+FFFD.
 */

/** The value with well-formed strings and keys; the value itself where all are. */
export function wellFormed<Value>(value: Value): Value {
  return isWellFormed(value) ? value : (repaired(value) as Value);
}

/** Whether all strings and keys in a value are well-formed. Makes no objects, because it looks at every delta. */
export function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isWellFormed);
  for (const key in value) {
    if (!key.isWellFormed() || !isWellFormed((value as Record<string, unknown>)[key])) return false;
  }
  return true;
}

function repaired(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(repaired);
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key.toWellFormed(), repaired(entry)]),
  );
}
