/**
 * Lone surrogates: halves of a UTF-16 pair, as a text has them that was cut between two UTF-16 units. JSON can carry
 * them (`"\ud82d"`), but UTF-8 cannot, and providers refuse a request that has one. Each becomes U+FFFD.
 */

/** The value with well-formed strings and keys; the value itself where all are. */
export function wellFormed<Value>(value: Value): Value {
  if (typeof value === 'string') return (value.isWellFormed() ? value : value.toWellFormed()) as Value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const list = value.map(wellFormed);
    return list.some((entry, index) => entry !== value[index]) ? (list as Value) : value;
  }
  const entries = Object.entries(value);
  const changed = entries.map(([key, entry]) => [key.toWellFormed(), wellFormed(entry)] as const);
  const isSame = changed.every(([key, entry], index) => {
    return key === entries[index]![0] && entry === entries[index]![1];
  });
  return isSame ? value : (Object.fromEntries(changed) as Value);
}

/** JSON text without lone surrogates. `JSON.stringify` writes each as an escape. */
export function wellFormedJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.includes('\\ud') ? JSON.stringify(wellFormed(value)) : text;
}
