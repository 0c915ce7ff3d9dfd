import { Fault } from '../../core/errors.ts';

/** A part of a content: one payload field (`text`, `functionCall`…) and marks such as `thoughtSignature`. */
export interface WirePart {
  text?: string;
  /** Set on text that the model thought rather than said. */
  thought?: boolean;
  functionCall?: WireCall;
  [field: string]: unknown;
}

/** `partialArgs` and `willContinue` come only when the arguments of a call are streamed. */
export interface WireCall {
  name?: string;
  id?: string;
  args?: unknown;
  partialArgs?: unknown;
  willContinue?: boolean;
  [field: string]: unknown;
}

export interface Content {
  role: 'user' | 'model';
  parts: WirePart[];
}

/** Names an item that holds one part of a kind that has no canonical place: `gemini:executableCode`. */
export const PART_ITEM = 'gemini:';

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the answer should have held, and the beginning of what it did. */
export function malformed(expected: string, got: unknown): Fault {
  const text = typeof got === 'string' ? got : (JSON.stringify(got) ?? 'nothing');
  return new Fault('provider_protocol_error', `Gemini's answer is malformed: expected ${expected}.`, {
    raw: text.slice(0, 1000),
  });
}

/** Drops absent fields, so that they can never hide a field that the caller gave. */
export function present(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const key in fields) if (fields[key] !== undefined) kept[key] = fields[key];
  return kept;
}
