/** JSON of unknown shape. The functions below read it without assumptions. */
export type Json = Record<string, unknown>;

const NOTHING: Json = Object.freeze({});

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function asJson(value: unknown): Json {
  return isJson(value) ? value : NOTHING;
}

export function asList(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(asJson) : [];
}

export function asText(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The text of a string or of parts that carry `text`. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .map((part) => asText(part.text))
    .filter((text) => text !== '')
    .join('\n');
}

/** Whether a text is JSON of an object. */
export function isObjectText(text: unknown): boolean {
  try {
    return typeof text === 'string' && isJson(JSON.parse(text));
  } catch {
    return false;
  }
}
