import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { serverEvents } from '../harness/journey.ts';
import { geminiRecordings, wholeGemini } from '../harness/recordings/gemini.ts';
import { type ReplayingProvider, replayingProvider } from '../harness/recordings/replaying-provider.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

/**
 * Recorded answers of Google through the gateway, in Google's own API. What the client gets equals the recording, but
 * for this:
 *
 * - `responseId` is the gateway's, under which a kept answer can be fetched.
 * - Every call has an id, also where Google gave none: all sessions and providers know the call by it.
 * - A stream is cut into other chunks: a call is one part, and not streamed arguments; a signature that came with the
 *   last characters of a text comes after them.
 * - Counts of tokens are in the last chunk alone, and not in each: a replay has the same bytes, and knows only the last
 *   ones.
 * - A candidate has its index, also where Google left the default out.
 */

const recorded = geminiRecordings();

let provider: ReplayingProvider;
let gateway: TestGateway;
beforeAll(async () => {
  provider = replayingProvider();
  gateway = await testGateway({ provider: provider.url });
});
afterAll(async () => {
  await gateway?.stop();
  await provider?.stop();
});

const ASK = { contents: [{ role: 'user', parts: [{ text: 'What does the recording say?' }] }], store: true };

const post = (model: string, method: string) => gateway.post(`/v1beta/models/gemini/${model}:${method}`, ASK);

/** An answer without what differs. Object keys in any order are equal. */
function compared(answer: unknown): Json {
  const { responseId: _, ...rest } = structuredClone(asJson(answer));
  for (const candidate of asList(rest.candidates)) {
    candidate.index ??= 0;
    for (const part of asList(asJson(candidate.content).parts))
      if (part.functionCall) delete asJson(part.functionCall).id;
  }
  return rest;
}

describe.if(recorded.length > 0)('a recorded answer', () => {
  for (const { name, whole, events } of recorded) {
    const model = name.replaceAll(/\W+/g, '-');
    test.if(whole !== undefined)(`${name}, whole`, async () => {
      provider.record(`${model}-whole`, { form: 'json', body: whole });
      const reply = await post(`${model}-whole`, 'generateContent');
      expect(reply.status).toBe(200);
      expect(compared(await reply.json())).toEqual(compared(whole));
    });

    test.if(events !== undefined)(`${name}, streamed`, async () => {
      provider.record(`${model}-stream`, { form: 'stream', events: events! });
      const reply = await post(`${model}-stream`, 'streamGenerateContent?alt=sse');
      const chunks = serverEvents(await reply.text()).events.map(({ data }) => data);
      const told = compared(wholeGemini(chunks));
      const expected = compared(wholeGemini(events!.map((event) => JSON.parse(event))));
      expect(told).toEqual(expected);

      const id = reply.headers.get('x-clawhold-response-id');
      const fetched = await gateway.fetch(`/v1beta/responses/${id}?stream=true`);
      const replay = serverEvents(await fetched.text()).events.map(({ data }) => data);
      expect(replay).toEqual(chunks);
    });
  }
});

if (recorded.length === 0)
  test.skip('skipped: the recorded traffic is not on this machine (CLAWHOLD_TRAFFIC)', () => {});
