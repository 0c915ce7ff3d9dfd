import { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';

/** A JSON object on the provider's wire whose fields have not been checked. */
export type Wire = Record<string, unknown>;

/** One content block of a message. */
export type Block = Wire & { type: string };

/** One message of a request. */
export interface WireMessage {
  role: 'user' | 'assistant';
  content: Block[];
}

export function isThought({ type }: Block): boolean {
  return type === 'thinking' || type === 'redacted_thinking';
}

export function malformed(expected: string, came: unknown): Fault {
  const shown = JSON.stringify(came) ?? String(came);
  return new Fault('provider_protocol_error', `Expected ${expected}, but ${shown.slice(0, 200)} came.`, {
    raw: came,
  });
}

export function objectAt(value: unknown, where: string): Wire {
  if (isObject(value)) return value;
  throw malformed(`${where} to be an object`, value);
}

export function stringAt(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  throw malformed(`${where} to be a string`, value);
}

export function blockAt(value: unknown, where: string): Block {
  const block = objectAt(value, where);
  stringAt(block.type, `${where}.type`);
  return block as Block;
}

/** The fields that hold something and are not in `known`; undefined when there are none. */
export function otherFields(value: Wire, known: ReadonlySet<string>): Wire | undefined {
  let found: Wire | undefined;
  for (const key in value) {
    const field = value[key];
    if (known.has(key) || field === null || field === undefined) continue;
    found ??= {};
    found[key] = field;
  }
  return found;
}
