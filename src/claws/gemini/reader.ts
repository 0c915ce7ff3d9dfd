import type { Delta } from '../../core/delta.ts';
import type { Prompt, StreamReader } from '../claw.ts';
import { endAnswer, readChunk } from './answer.ts';
import { errorOf, streamFault } from './fault.ts';
import { type Answer, emptyAnswer } from './state.ts';
import { isObject, malformed } from './wire.ts';

export function geminiReader(prompt: Prompt): StreamReader {
  const answer = emptyAnswer(prompt.model);
  return {
    push: ({ data }) => (data === '' ? [] : readBody(answer, parse(data))),
    end: () => endAnswer(answer),
  };
}

/** A whole answer is a stream of one chunk. Proxies that ignore `alt=sse` give a stream as a list of chunks. */
export function geminiAnswer(body: unknown, prompt: Prompt): Delta[] {
  const answer = emptyAnswer(prompt.model);
  const chunks: unknown[] = Array.isArray(body) ? body : [body];
  return [...chunks.flatMap((chunk) => readBody(answer, chunk)), ...endAnswer(answer)];
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw malformed('an event in JSON', data);
  }
}

function readBody(answer: Answer, body: unknown): Delta[] {
  const error = errorOf(body);
  if (error) throw streamFault(error, answer.started);
  if (!isObject(body)) throw malformed('an object', body);
  return readChunk(answer, body);
}
