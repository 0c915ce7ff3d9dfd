import { Fault } from '../../core/errors.ts';

/**
 * What a JSON body may be made of. Deep and many small values cost the parser, and everything after it, far
 * more than their bytes, and nothing else can run meanwhile; so they are found before the body is parsed.
 */
export const MAX_DEPTH = 256;
const MAX_KEYS = 200_000;

/** In characters: about a millisecond. Other requests run between two slices of a body. */
const SLICE = 256 * 1024;

const QUOTE = 34;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/**
 * Throws, or rejects with, `invalid_request` where a body is nested too deeply or has too many keys. Returns a
 * promise only for a body of more than one slice. Text that is not JSON passes: the parser refuses it.
 */
export function checkShape(text: string): void | Promise<void> {
  const shape = new BodyShape();
  if (text.length <= SLICE) shape.read(text);
  else return readInSlices(shape, text);
}

async function readInSlices(shape: BodyShape, text: string): Promise<void> {
  for (let from = 0; from < text.length; from += SLICE) {
    shape.read(text.slice(from, from + SLICE));
    await new Promise(setImmediate);
  }
}

/** Counts what slices of a body, read in order, hold outside of strings. */
class BodyShape {
  private depth = 0;
  /** Colons outside of strings: each key has one. */
  private keys = 0;
  private inString = false;
  /** The slice before ended in a string, after a backslash that escapes the next character. */
  private escaped = false;

  read(text: string): void {
    for (let index = 0; index < text.length; ) {
      index = this.inString ? this.skipString(text, index) : this.readStructure(text, index);
    }
  }

  /** Returns the index after the next string has opened, or the length. */
  private readStructure(text: string, from: number): number {
    for (let index = from; index < text.length; index++) {
      switch (text.charCodeAt(index)) {
        case QUOTE:
          this.inString = true;
          return index + 1;
        case COLON:
          if (++this.keys > MAX_KEYS) throw refusal(`has more than ${MAX_KEYS} keys`);
          break;
        case OPEN_BRACKET:
        case OPEN_BRACE:
          if (++this.depth > MAX_DEPTH) throw refusal(`is nested more than ${MAX_DEPTH} levels deep`);
          break;
        case CLOSE_BRACKET:
        case CLOSE_BRACE:
          this.depth--;
      }
    }
    return text.length;
  }

  /** Returns the index after the next quote, or the length. */
  private skipString(text: string, from: number): number {
    const start = this.escaped ? from + 1 : from;
    const quote = text.indexOf('"', start);
    const end = quote === -1 ? text.length : quote;
    let backslashes = 0;
    while (end - backslashes > start && text.charCodeAt(end - backslashes - 1) === BACKSLASH) backslashes++;
    const isEscaped = backslashes % 2 === 1;
    this.escaped = quote === -1 && isEscaped;
    if (quote === -1) return text.length;
    if (!isEscaped) this.inString = false;
    return quote + 1;
  }
}

function refusal(what: string): Fault {
  return new Fault('invalid_request', `The body ${what}.`);
}
