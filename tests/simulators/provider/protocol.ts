import type { Answer, Heard } from './answer.ts';
import type { Plan } from './behaviour.ts';
import type { Json } from './shape.ts';
import type { WireRequest } from './wire.ts';

export type ProtocolName = 'chat' | 'responses' | 'messages' | 'gemini';

/**
 * One event of a stream as it goes over the wire. Faults count `delta` frames (text, refusal, call arguments).
 * `finish` frames say why the answer ended, the `mark` frame is the protocol's last word.
 */
export type Frame = { text: string; kind: 'plain' | 'delta' | 'finish' | 'mark' };

export type Usage = { input: number; cached: number; output: number; reasoning: number };

/** All that a protocol needs to write an answer down. */
export type Scene = {
  plan: Plan;
  model: string;
  /** 32 hex digits, the stem of every id in the answer. */
  id: string;
  /** Seconds since the epoch. */
  created: number;
  body: Json;
  usage: Usage;
};

export type Trouble =
  | { kind: 'invalid'; message: string; param?: string; code?: string; status?: number }
  | { kind: 'status'; status: number; retryAfter?: number }
  | { kind: 'key-missing' | 'auth' | 'quota' | 'context' };

export type Refusal = { status: number; body: Json };

/** Reasoning ids handed out with `store`, which a later request may name without their content. */
export type Memory = { issued: Set<string> };

export type Protocol = {
  name: ProtocolName;
  /** Headers of every answer, ready to write. */
  headers: string;
  keyOf(request: WireRequest): string;
  /** What the real API refuses, in its words. */
  check(body: Json, plan: Plan, memory: Memory): Trouble | undefined;
  hear(body: Json): Heard;
  json(answer: Answer, scene: Scene): Json;
  frames(answer: Answer, scene: Scene): Frame[];
  /** Names what in the body the answer repeats; undefined when the answer can't be served from a cache. */
  variant(body: Json): string | undefined;
  refusal(trouble: Trouble, model: string): Refusal;
  /** An error in the middle of a stream, after `sent` events. */
  errorFrame(scene: Scene, sent: number): string;
  garbage: string;
  /** An event of valid JSON that lacks what the protocol requires. */
  strange: string;
};

export function plain(text: string): Frame {
  return { text, kind: 'plain' };
}
