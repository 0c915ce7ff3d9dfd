import type { CustomTool, FunctionTool } from '../../core/settings.ts';

/** The only parameter of a function that stands for a custom tool. */
const FIELD = 'input';

/**
 * A custom tool as a function, for a provider without custom tools. A grammar becomes a part of the description:
 * the provider does not enforce it.
 */
export function functionOf({ name, description, format }: CustomTool): FunctionTool {
  const grammar =
    format?.type === 'grammar'
      ? `The text in \`${FIELD}\` must match this ${format.syntax} grammar:\n${format.definition}`
      : undefined;
  const text = [description, grammar].filter(Boolean).join('\n\n');
  return {
    type: 'function',
    name,
    ...(text !== '' && { description: text }),
    parameters: {
      type: 'object',
      properties: { [FIELD]: { type: 'string', description: 'The whole input of the tool, as plain text.' } },
      required: [FIELD],
      additionalProperties: false,
    },
  };
}

/** The input of a custom call as the arguments of that function. */
export const argumentsOf = (input: string): string => JSON.stringify({ [FIELD]: input });

const OPENING = new RegExp(`^\\s*\\{\\s*"${FIELD}"\\s*:\\s*"`);
/** Longer than any opening with usual white space. */
const LONGEST_OPENING = 200;

/**
 * Reads the input of a custom call from the arguments of its function, while they come in pieces. Arguments in
 * another form than `functionOf` asks for are read when they are complete.
 */
export class CustomInput {
  private state: 'opening' | 'text' | 'closed' | 'other' = 'opening';
  /** Text that is not read yet. */
  private rest = '';

  /** The input's text that the next piece of the arguments gives. */
  push(piece: string): string {
    if (this.state === 'closed') return '';
    this.rest += piece;
    if (this.state === 'opening') {
      const opening = OPENING.exec(this.rest)?.[0];
      if (opening === undefined) {
        if (this.rest.length > LONGEST_OPENING) this.state = 'other';
        return '';
      }
      this.rest = this.rest.slice(opening.length);
      this.state = 'text';
    }
    return this.state === 'text' ? this.text() : '';
  }

  /** The text that is left when no more arguments come. */
  end(): string {
    if (this.state === 'opening' || this.state === 'other') return inputOf(this.rest);
    return '';
  }

  /** Reads up to the end of the string, or up to a piece of an escape or a surrogate pair that is not complete. */
  private text(): string {
    const raw = this.rest;
    let at = 0;
    let whole = 0;
    while (at < raw.length && raw[at] !== '"') {
      const length = raw[at] !== '\\' ? 1 : raw[at + 1] === 'u' ? 6 : 2;
      if (at + length > raw.length) break;
      const isHigh = /^(\\u[dD][89abAB]|[\ud800-\udbff])/.test(raw.slice(at, at + length));
      at += length;
      if (!isHigh) whole = at;
    }
    const isClosed = raw[at] === '"';
    if (isClosed) this.state = 'closed';
    const end = isClosed ? at : whole;
    this.rest = raw.slice(end);
    return unescaped(raw.slice(0, end));
  }
}

/** The input in whole arguments. */
export function inputOf(args: string): string {
  try {
    const value: unknown = JSON.parse(args);
    if (typeof value === 'string') return value;
    if (typeof value !== 'object' || value === null) return args;
    const fields = value as Record<string, unknown>;
    if (typeof fields[FIELD] === 'string') return fields[FIELD];
    const values = Object.values(fields);
    return values.length === 0 ? '' : values.length === 1 && typeof values[0] === 'string' ? values[0] : args;
  } catch {
    const input = new CustomInput();
    const text = input.push(args);
    return text !== '' || OPENING.test(args) ? text : args;
  }
}

/** The inside of a JSON string as text. Some models write line ends and tabs into it without escapes. */
function unescaped(inside: string): string {
  const escaped = inside.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
  try {
    return JSON.parse(`"${escaped}"`);
  } catch {
    return inside;
  }
}
