import { Fault } from '../../core/errors.ts';
import { isObject } from '../../core/json.ts';

/** A JSON object from the provider whose fields are not checked yet. */
export type Json = Record<string, unknown>;

/** The fault for an answer that breaks its protocol: where, what was expected, and what came. */
export function malformed(where: string, expected: string, came: unknown): Fault {
  return new Fault('provider_protocol_error', `${where}: expected ${expected}, got ${kindOf(came)}.`, {
    raw: came,
  });
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return `the ${typeof value} ${JSON.stringify(value).slice(0, 60)}`;
}

export function objectIn(value: unknown, where: string): Json {
  if (!isObject(value)) throw malformed(where, 'an object', value);
  return value;
}

export function textIn(value: unknown, where: string): string {
  if (typeof value !== 'string') throw malformed(where, 'a string', value);
  return value;
}

export function listIn(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw malformed(where, 'an array', value);
  return value;
}

export function nameIn(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '') throw malformed(where, 'a text', value);
  return value;
}
