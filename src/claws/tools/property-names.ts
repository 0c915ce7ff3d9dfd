import { isObject, type JsonObject } from '../../core/json.ts';
import { freeName, isValidName, type NameRule } from './name-rule.ts';

/**
 * The parameters of a function that have another name at the provider: from the caller's name to the sent name,
 * and back.
 */
export interface PropertyNames {
  sent: ReadonlyMap<string, string>;
  own: ReadonlyMap<string, string>;
}

/** A schema whose properties have valid names. */
export interface NamedSchema {
  schema: JsonObject;
  /** Absent if all names were valid; `schema` is then the caller's. */
  names?: PropertyNames;
}

/**
 * Gives valid names to the properties at the top of a schema. Providers do not check inner properties
 * (`ToolTable.properties`). Valid names stay. Equal schemas give equal names.
 */
export function namedSchema(schema: JsonObject, rule: NameRule): NamedSchema {
  const { properties } = schema;
  if (!isObject(properties)) return { schema };
  const invalid = Object.keys(properties).filter((name) => !isValidName(name, rule));
  if (invalid.length === 0) return { schema };
  const sent = new Map<string, string>();
  const own = new Map<string, string>();
  for (const name of invalid) {
    const free = freeName(name, rule, (taken) => Object.hasOwn(properties, taken) || own.has(taken));
    sent.set(name, free);
    own.set(free, name);
  }
  const renamed = Object.entries(properties).map(([name, value]) => [sent.get(name) ?? name, value]);
  const { required } = schema;
  const all = {
    ...schema,
    properties: Object.fromEntries(renamed),
    ...(Array.isArray(required) && { required: required.map((name) => sent.get(name) ?? name) }),
  };
  return { schema: withReferences(all, sent) as JsonObject, names: { sent, own } };
}

const TO_PROPERTY = /^#\/properties\/([^/]*)/;

/** Changes references to renamed properties. */
function withReferences(node: unknown, sent: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(node)) return node.map((inner) => withReferences(inner, sent));
  if (!isObject(node)) return node;
  const entries = Object.entries(node).map(([key, value]) => [
    key,
    key === '$ref' && typeof value === 'string'
      ? value.replace(TO_PROPERTY, (whole, step: string) => {
          const name = sent.get(step.replaceAll('~1', '/').replaceAll('~0', '~'));
          return name === undefined ? whole : `#/properties/${name}`;
        })
      : withReferences(value, sent),
  ]);
  return Object.fromEntries(entries);
}

/** Renames the fields of a JSON object that is given as text, whole or cut. The names in inner objects stay. */
export function renamed(text: string, names: ReadonlyMap<string, string>): string {
  const renaming = new Renaming(names);
  return renaming.push(text) + renaming.end();
}

/**
 * Renames the fields of a JSON object while its text arrives in pieces. A name is held back until it is whole.
 */
export class Renaming {
  private depth = 0;
  private position: 'before-name' | 'in-name' | 'in-text' | 'elsewhere' = 'elsewhere';
  /** The last character was a backslash. */
  private isEscaped = false;
  /** The beginning of a name, with its quotation mark. */
  private name = '';

  constructor(private readonly names: ReadonlyMap<string, string>) {}

  /** The text that can be passed on now. */
  push(piece: string): string {
    let out = '';
    for (const character of piece) out += this.next(character);
    return out;
  }

  /** The text that is still held back at the end: a name that was cut. */
  end(): string {
    return this.name;
  }

  private next(character: string): string {
    const isInside = this.position === 'in-name' || this.position === 'in-text';
    if (isInside) return this.inside(character);
    if (character === '"') {
      if (this.position !== 'before-name') {
        this.position = 'in-text';
        return character;
      }
      this.position = 'in-name';
      this.name = character;
      return '';
    }
    if (character === '{' || character === '[') this.depth++;
    if (character === '}' || character === ']') this.depth--;
    const opens = character === '{' || character === ',';
    if (opens && this.depth === 1) this.position = 'before-name';
    else if (character.trim() !== '') this.position = 'elsewhere';
    return character;
  }

  private inside(character: string): string {
    const ends = character === '"' && !this.isEscaped;
    this.isEscaped = character === '\\' && !this.isEscaped;
    if (this.position === 'in-text') {
      if (ends) this.position = 'elsewhere';
      return character;
    }
    this.name += character;
    if (!ends) return '';
    const whole = this.name;
    this.name = '';
    this.position = 'elsewhere';
    return this.rename(whole);
  }

  private rename(quoted: string): string {
    try {
      const name = this.names.get(JSON.parse(quoted));
      return name === undefined ? quoted : JSON.stringify(name);
    } catch {
      return quoted;
    }
  }
}
