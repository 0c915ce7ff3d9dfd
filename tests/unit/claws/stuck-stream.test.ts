import { expect, test } from 'bun:test';
import { AnswerBody } from '../../../src/claws/answer-body.ts';
import type { StreamReader } from '../../../src/claws/claw.ts';
import { EventStream } from '../../../src/claws/event-stream.ts';
import { answerOf } from '../../../src/claws/http/fetched.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { Fault } from '../../../src/core/errors.ts';

const SAYS: Delta = { type: 'text-delta', index: 0, part: 0, text: 'Well' };

/** Takes each event for a text, except a reported failure; never takes the answer for whole. */
const READER: StreamReader = {
  push: ({ data }) => {
    if (data === 'failure') throw new Fault('provider_error', 'It failed.');
    return [SAYS];
  },
  end: () => {
    throw new Fault('provider_protocol_error', 'The stream ended before the answer.');
  },
};

type Step = string | { silentMs: number } | 'end' | 'break';

/** The code of the failure that ends a stream of these steps. */
async function codeAfter(steps: Step[]): Promise<unknown> {
  let now = 0;
  const left = [...steps];
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        for (let step = left.shift(); step !== undefined; step = left.shift()) {
          if (typeof step === 'object') now += step.silentMs;
          else if (step === 'end') return controller.close();
          else if (step === 'break') return controller.error(new Error('The socket was closed.'));
          else return controller.enqueue(new TextEncoder().encode(step));
        }
      },
    },
    { highWaterMark: 0 },
  );
  const stream = new EventStream({
    body: new AnswerBody(answerOf(new Response(body)), 1_000),
    reader: READER,
    restore: (deltas) => deltas,
    limits: { lineChars: 1_000, eventChars: 1_000 },
    signal: new AbortController().signal,
    heard: () => {},
    now: () => now,
  });
  try {
    while (await stream.next());
  } catch (failure) {
    return failure instanceof Fault ? failure.code : failure;
  }
  return undefined;
}

const event = 'data: x\n\n';
const long = { silentMs: 30_000 };

test.each<[string, Step[], string]>([
  ['breaks at once', [event, 'break'], 'stream_interrupted'],
  ['breaks after a long silence', [event, long, 'break'], 'provider_timeout'],
  ['ends too early after a long silence', [event, long, 'end'], 'provider_timeout'],
  ['breaks before its first event, after a long silence', [long, 'break'], 'provider_timeout'],
  ['was silent, but went on', [event, long, event, 'break'], 'stream_interrupted'],
  ['was silent, but sent a comment', [event, long, ': ping\n\n', 'end'], 'provider_protocol_error'],
  ['reports a failure after a long silence', [event, long, 'data: failure\n\n'], 'provider_error'],
])('a stream that %s', async (_, steps, code) => {
  expect(await codeAfter(steps)).toBe(code);
});
