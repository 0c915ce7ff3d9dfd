import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { Prompt, SseEvent, StreamReader } from '../claw.ts';
import { type AnswerState, drain, newAnswer } from './answer-state.ts';
import { finishAnswer, isFinished, readChunk } from './chunk.ts';
import { failureIn } from './fault.ts';
import { isObject, type Json } from './wire.ts';

const END = '[DONE]';

/** Reads a streamed answer. `[DONE]` ends it; so does an orderly close after every choice had its reason. */
export function chatReader(prompt: Prompt): StreamReader {
  const state = newAnswer(prompt.model);
  const expected = prompt.settings.n ?? 1;
  let ended = false;
  return {
    push(event) {
      if (ended || event.data === '') return [];
      if (event.data.charCodeAt(0) === 91 && event.data.trim() === END) {
        ended = true;
        return finishAnswer(state);
      }
      readChunk(state, parse(event, state.started), 'delta');
      return drain(state);
    },
    end() {
      if (ended) return [];
      ended = true;
      return closed(state, expected);
    },
  };
}

/** What a close without `[DONE]` amounts to: several servers (Perplexity among them) never send the mark. */
function closed(state: AnswerState, expected: number): Delta[] {
  const whole = isFinished(state) && (state.choices.length >= expected || state.usage !== undefined);
  if (whole) return finishAnswer(state);
  throw new Fault(
    'provider_protocol_error',
    'The stream ended before the answer did: neither a finish reason for every choice nor `[DONE]` came.',
  );
}

function parse(event: SseEvent, started: boolean): Json {
  let chunk: unknown;
  try {
    chunk = JSON.parse(event.data);
  } catch {
    throw new Fault(
      'provider_protocol_error',
      `A streamed event is not JSON; it begins with ${JSON.stringify(event.data.slice(0, 80))}.`,
      { raw: event.data.slice(0, 1000) },
    );
  }
  const failure = failureIn(chunk, { started, isErrorEvent: event.event === 'error' });
  if (failure) throw failure;
  if (isObject(chunk)) return chunk;
  throw new Fault('provider_protocol_error', 'A streamed event is not a JSON object.', { raw: chunk });
}
