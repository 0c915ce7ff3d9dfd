import { setTimeout as sleep } from 'node:timers/promises';
import { type AnswerPart, begunWith, readAnswer } from './answer-stream.ts';
import type { GatewayApi, Question } from './gateway-api.ts';
import { Disconnected, GatewayError } from './gateway-error.ts';

/**
 * A part of an answer, or `waiting`: the chat waits for the gateway. `begun` follows when the gateway is back.
 */
export type ReconnectingPart = AnswerPart | { type: 'waiting'; reason: Disconnected };

export interface WaitLimits {
  /** Ends the answer, even while it waits for the gateway. */
  signal: AbortSignal;
  /** How long to wait for a gateway that does not answer, in milliseconds. */
  waitMs: number;
}

/**
 * The first pause is short, for a gateway that is restarted at once. Each further pause is longer, up to the
 * longest.
 */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2_000;

/**
 * Asks the model and reads its answer, over as many connections as needed. When a connection breaks, the
 * gateway is called again until it answers: a stored answer is resumed after the last event that arrived, and a
 * question whose answer has not begun is sent again with its key. No text is lost or repeated. Throws a
 * `GatewayError` when the answer failed, and the last `Disconnected` when the gateway does not come back.
 */
export async function* reconnectingAnswer(
  api: GatewayApi,
  question: Question,
  { signal, waitMs }: WaitLimits,
): AsyncGenerator<ReconnectingPart> {
  let responseId: string | undefined;
  let lastEvent = -1;
  let lostAt: number | undefined;
  let pause = FIRST_PAUSE_MS;
  for (;;) {
    try {
      const response = await (responseId === undefined
        ? api.ask(question, signal)
        : api.resume(responseId, lastEvent, signal));
      const begun = begunWith(response);
      responseId ??= begun.responseId;
      yield begun;
      for await (const parts of readAnswer(response)) {
        lostAt = undefined;
        pause = FIRST_PAUSE_MS;
        lastEvent++;
        yield* parts;
      }
      return;
    } catch (error) {
      if (signal.aborted || !(error instanceof Disconnected)) throw error;
      if (responseId === undefined && lastEvent >= 0)
        throw new GatewayError(`${error.message} This answer is not stored, so it cannot be resumed.`, 0);
      lostAt ??= performance.now();
      if (performance.now() - lostAt > waitMs) throw error;
      // The first attempt to reconnect is silent: the gateway may have been restarted at once.
      if (pause > FIRST_PAUSE_MS) yield { type: 'waiting', reason: error };
      await sleep(pause, undefined, { signal });
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
  }
}
