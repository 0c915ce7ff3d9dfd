import { Fault } from '../../core/errors.ts';

/** A part of a content: one content field (`text`, `functionCall`…) and further fields such as `thoughtSignature`. */
export interface WirePart {
  text?: string;
  /** Set on text of the model's reasoning. */
  thought?: boolean;
  functionCall?: WireCall;
  [field: string]: unknown;
}

/** `partialArgs` and `willContinue` come only with streamed arguments. */
export interface WireCall {
  name?: string;
  id?: string;
  args?: unknown;
  partialArgs?: unknown;
  willContinue?: boolean;
  [field: string]: unknown;
}

/** What one side said: the API's `Content`. */
export interface Content {
  role: 'user' | 'model';
  parts: WirePart[];
}

/**
 * The prefix of the type of an item that holds one part without a canonical form: `gemini:executableCode`.
 */
export const PART_ITEM = 'gemini:';

/** The fault for a malformed answer: what was expected, and in `raw` the beginning of what came. */
export function malformed(expected: string, got: unknown): Fault {
  const text = typeof got === 'string' ? got : (JSON.stringify(got) ?? 'nothing');
  return new Fault('provider_protocol_error', `Gemini's answer is malformed: expected ${expected}.`, {
    raw: text.slice(0, 1000),
  });
}

/** Drops absent fields, so that they cannot hide a field that the caller gave. */
export function present(fields: Record<string, unknown>): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const key in fields) if (fields[key] !== undefined) kept[key] = fields[key];
  return kept;
}
