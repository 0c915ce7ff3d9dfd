import type { Segment } from './native.ts';
import type { StreamedArguments } from './streamed-arguments.ts';

/** What has been read of one answer. A whole answer is one chunk. */
export interface Answer {
  /** The model that was asked for, until the answer names its own. */
  model: string;
  id?: string;
  started: boolean;
  nextIndex: number;
  candidates: Candidate[];
  /** The newest token counts; those of a stream grow from chunk to chunk. */
  usage?: Record<string, unknown>;
  usageSent?: Record<string, unknown>;
  extra: Record<string, unknown>;
}

export function emptyAnswer(model: string): Answer {
  return { model, started: false, nextIndex: 0, candidates: [], extra: {} };
}

/** What has been read of one alternative (`choice`) of an answer. */
export interface Candidate {
  choice: number;
  items: number;
  calls: number;
  /** Text grows until a part of another kind begins. */
  text?: OpenText;
  /** A call whose arguments are still coming. */
  call?: OpenCall;
  /** Of the tokens of this chunk, until a text takes them. */
  logprobs?: unknown[];
  finish?: string;
  /** Fields beside the content: grounding, citations, safety ratings… */
  extra: Record<string, unknown>;
}

/** A message, or a reasoning where the text was thought. */
export interface OpenText {
  index: number;
  thought: boolean;
  segments: Segment[];
}

export interface OpenCall {
  index: number;
  call_id: string;
  name: string;
  streamed: StreamedArguments;
  marks: Record<string, unknown>;
}
