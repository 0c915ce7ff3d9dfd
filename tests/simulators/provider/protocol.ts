import type { Answer, RequestContent } from './answer.ts';
import type { Plan } from './behaviour.ts';
import type { Json } from './shape.ts';
import type { WireRequest } from './wire.ts';

export type ProtocolName = 'chat' | 'responses' | 'messages' | 'gemini';

/**
 * One event of a stream, as it is sent. Faults count `delta` frames (text, refusal, call arguments). `finish` frames
 * have the reason of the end; the `end-mark` frame is the last event of the protocol.
 */
export type Frame = { text: string; kind: 'plain' | 'delta' | 'finish' | 'end-mark' };

export type Usage = {
  input: number;
  cached: number;
  /** Written to the cache, and the part of it that stays there for an hour. */
  wrote: number;
  wroteHour: number;
  output: number;
  reasoning: number;
};

/** The values that a protocol needs to write an answer. */
export type Scene = {
  plan: Plan;
  model: string;
  /** 32 hex digits. All ids in the answer are made from them. */
  id: string;
  /** Seconds since the epoch. */
  created: number;
  body: Json;
  usage: Usage;
};

export type Trouble =
  | { kind: 'invalid'; message: string; param?: string; code?: string; status?: number }
  /** The plan is `rigid`, and the request has this temperature. */
  | { kind: 'temperature'; value: number }
  | { kind: 'status'; status: number; retryAfter?: number }
  /** The tokens of the prompt, and those that the model accepts. */
  | { kind: 'context'; tokens?: number; limit?: number }
  | { kind: 'key-missing' | 'auth' | 'quota' };

export type Refusal = { status: number; body: Json };

/** Ids of reasoning items that were answered with `store`. Later requests may name them without their content. */
export type Memory = { issued: Set<string> };

export type Protocol = {
  name: ProtocolName;
  /** Header lines of every answer. */
  headers: string;
  keyOf(request: WireRequest): string;
  /** Checks a request as the real API does, with its error texts. */
  check(body: Json, plan: Plan, memory: Memory): Trouble | undefined;
  readRequest(body: Json): RequestContent;
  json(answer: Answer, scene: Scene): Json;
  frames(answer: Answer, scene: Scene): Frame[];
  /** The part of the body that the answer depends on, as a cache key. Undefined: the answer cannot be cached. */
  variant(body: Json): string | undefined;
  refusal(trouble: Trouble, model: string): Refusal;
  /** An error in the middle of a stream, after `sent` events. */
  errorFrame(scene: Scene, sent: number): string;
  garbage: string;
  /** An event of valid JSON without the fields that the protocol requires. */
  wrongShape: string;
};

/** The service tier that answers: the requested one, or `usual`. Real providers may answer in a lower tier. */
export function tierOf({ body, plan }: { body: Json; plan: Plan }, usual: string): string {
  const asked = body.service_tier ?? body.serviceTier;
  const isUsual = plan.usualTier || typeof asked !== 'string' || asked === 'auto' || asked === 'default';
  return isUsual ? usual : asked;
}

export function plain(text: string): Frame {
  return { text, kind: 'plain' };
}
