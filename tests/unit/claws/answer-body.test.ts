import { describe, expect, test } from 'bun:test';
import { anthropic } from '../../../src/claws/anthropic/protocol.ts';
import type { WireProtocol } from '../../../src/claws/claw.ts';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import { fetched } from '../../../src/claws/http/fetched.ts';
import { httpClaw } from '../../../src/claws/http-claw.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import type { Delta } from '../../../src/core/delta.ts';
import { foldAll } from '../../../src/core/fold.ts';
import { messageText } from '../../../src/core/items.ts';
import { promptFor } from '../../conformance/wire-protocol.ts';
import { answerLimits } from '../../harness/answer-limits.ts';

const said = [{ type: 'message', content: [{ type: 'output_text', text: 'Hi', annotations: [] }] }];

/** The events of an answer with the text "Hi" in each protocol: all but the last, and the last ones. */
const ANSWERS: [WireProtocol, string[], string[]][] = [
  [
    openaiChat,
    ['{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}'],
    ['{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'],
  ],
  [
    openaiResponses,
    ['{"type":"response.created","response":{"model":"m"}}'],
    [JSON.stringify({ type: 'response.completed', response: { model: 'm', output: said } })],
  ],
  [
    anthropic,
    [
      '{"type":"message_start","message":{"id":"a","model":"m","content":[]}}',
      '{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Hi"}}',
      '{"type":"content_block_stop","index":0}',
    ],
    ['{"type":"message_delta","delta":{"stop_reason":"end_turn"}}'],
  ],
  [
    gemini,
    ['{"candidates":[{"content":{"parts":[{"text":"H"}]}}]}'],
    ['{"candidates":[{"content":{"parts":[{"text":"i"}]},"finishReason":"STOP"}]}'],
  ],
];

/** A provider that sends these chunks, one after the other. An `Error` breaks the connection. */
async function answerTo(
  protocol: WireProtocol,
  chunks: (string | Uint8Array | Error)[],
  { type, stream = true, status = 200 }: { type?: string; stream?: boolean; status?: number } = {},
) {
  const encoder = new TextEncoder();
  const rest = [...chunks];
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await Bun.sleep(0);
      const chunk = rest.shift();
      if (chunk === undefined) controller.close();
      else if (chunk instanceof Error) controller.error(chunk);
      else controller.enqueue(typeof chunk === 'string' ? encoder.encode(chunk) : chunk);
    },
  });
  const headers = type === undefined ? {} : { 'content-type': type };
  const claw = httpClaw({
    provider: { id: 'p', baseUrl: 'http://p.test', quirks: {} },
    protocol,
    post: fetched(async () => new Response(body, { headers, status })),
    reach: async () => {},
    limits: answerLimits,
    redact: (text) => text,
  });
  let heard = 0;
  const deltas: Delta[] = [];
  const prompt = promptFor(protocol, stream);
  const listener = { heard: () => heard++, quota: () => {} };
  for await (const burst of claw.call(prompt, new AbortController().signal, listener)) {
    expect(burst.length).toBeGreaterThan(0);
    deltas.push(...burst);
  }
  const folded = foldAll(deltas);
  const text = folded.items.map(({ item }) => (item.type === 'message' ? messageText(item) : '')).join('');
  return { text, heard, finish: folded.finish.map(({ unified }) => unified), extra: folded.extra };
}

const WHOLE = { text: 'Hi', finish: ['stop'] };
const sse = (events: string[]) => events.map((data) => `data: ${data}\n\n`).join('');

describe.each(ANSWERS)('$name', (protocol, begin, end) => {
  const events = [...begin, ...end];

  test.each([
    ['text/plain; charset=utf-8', true],
    ['Text/Event-Stream', true],
    ['application/json', true],
    [undefined, true],
    ['text/event-stream', false],
    ['application/json', false],
  ])('events of type %p are read (requested as a stream: %p)', async (type, stream) => {
    expect(await answerTo(protocol, [sse(events)], { type, stream })).toMatchObject(WHOLE);
  });

  test('the first bytes may come one by one, after a comment or an empty line', async () => {
    for (const before of ['', '\n', ': a comment é\n\n', '\ufeff', 'id: 1\n', 'retry: 5\n']) {
      const bytes = new TextEncoder().encode(before + sse(events));
      const single = Array.from(bytes.subarray(0, 20), (byte) => Uint8Array.of(byte));
      expect(await answerTo(protocol, [...single, bytes.subarray(20)])).toMatchObject(WHOLE);
    }
  });

  test('a JSON answer of the type of events is read', async () => {
    const bodies: Record<string, unknown> = {
      'openai-chat': { choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }] },
      'openai-responses': { model: 'm', output: said },
      anthropic: { model: 'm', content: [{ type: 'text', text: 'Hi' }], stop_reason: 'end_turn' },
      gemini: { candidates: [{ content: { parts: [{ text: 'Hi' }] }, finishReason: 'STOP' }] },
    };
    const text = ` \n${JSON.stringify(bodies[protocol.name])}`;
    for (const stream of [true, false]) {
      const answer = await answerTo(protocol, [text], { type: 'text/event-stream', stream });
      expect(answer).toMatchObject(WHOLE);
    }
  });

  test('keep-alives are skipped and heard', async () => {
    const pings = [
      ': ping\n\n',
      'data: null\n\n',
      'data: {}\n\n',
      'data:\n\n',
      'data: {"type":"ping"}\n\n',
      'data: {"type": "ping", "cost": "0"}\n\n',
      'data: {"sequence_number":3,"type":"keepalive"}\n\n',
      'event: ping\ndata: now\n\n',
    ];
    const before = await answerTo(protocol, [...pings, ...events.map((data) => sse([data]))]);
    const after = await answerTo(
      protocol,
      events.flatMap((data) => [sse([data]), ...pings]),
    );
    for (const answer of [before, after]) {
      const { heard, extra } = answer;
      expect(answer).toMatchObject(WHOLE);
      expect(heard).toBeGreaterThanOrEqual(pings.length + events.length);
      expect(extra).toBeUndefined();
    }
  });

  test('an answer that said how it ended is whole, whatever fails after that', async () => {
    const failures = [
      new Error('the connection breaks'),
      'data: {"broken\n\n',
      'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"Failed","code":500}}\n\n',
    ];
    for (const failure of failures) {
      expect(await answerTo(protocol, [sse(events), failure])).toMatchObject(WHOLE);
      await expect(answerTo(protocol, [sse(begin), failure])).rejects.toMatchObject({ name: 'Fault' });
    }
  });

  test('an answer that did not say how it ended is not whole', async () => {
    await expect(answerTo(protocol, [sse(begin)])).rejects.toMatchObject({ code: 'provider_protocol_error' });
  });

  test('any other text is no answer', async () => {
    for (const type of ['text/html', undefined, 'text/event-stream']) {
      const answer = answerTo(protocol, ['<html>Bad ', 'Gateway</html>'], { type });
      await expect(answer).rejects.toMatchObject({ code: 'provider_protocol_error' });
    }
    await expect(answerTo(protocol, [])).rejects.toMatchObject({ code: 'provider_protocol_error' });
  });
});
