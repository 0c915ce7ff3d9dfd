import { describe, expect, test } from 'bun:test';
import { recordings } from '../conformance/wire-protocol.ts';
import { testGateway } from '../harness/gateway.ts';
import { chatAgent, responsesAgent } from '../harness/stateless-agent.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Recorded answers of Gemini with a signature, on a text or on a call. */
const SIGNED = recordings(['google'], /^google-(reasoning|stream-tool-call-array)/);

/** A server that answers the first request with a recording, and all others with a text. */
function recordedProvider(answer: { events?: string[]; whole?: unknown }) {
  const received: Json[] = [];
  const last = {
    candidates: [{ content: { role: 'model', parts: [{ text: 'Done.' }] }, finishReason: 'STOP', index: 0 }],
  };
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      received.push(asJson(await request.json()));
      const isFirst = received.length === 1;
      if (!request.url.includes('streamGenerateContent')) return Response.json(isFirst ? answer.whole : last);
      const events = isFirst ? answer.events! : [JSON.stringify(last)];
      const body = events.map((event) => `data: ${event}\n\n`).join('');
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, received, stop: () => server.stop(true) };
}

const signatureIn = (text: string): string => /"thoughtSignature":\s*"([^"]+)"/.exec(text)![1]!;

/** The part that has a signature, and its kind. */
function signed(body: Json): string[] {
  const parts = asList(body.contents).flatMap((content) => asList(content.parts));
  return parts.flatMap((part) =>
    part.thoughtSignature ? [`${part.functionCall ? 'call' : 'text'} ${asText(part.thoughtSignature)}`] : [],
  );
}

describe.each(SIGNED.map((recording) => [recording.name, recording] as const))('%s', (_, recording) => {
  const ways = [true, false].filter((stream) => (stream ? recording.events : recording.whole));
  const agents = { responses: responsesAgent, chat: chatAgent };
  test.each(
    ways.flatMap((stream) => (['responses', 'chat'] as const).map((name) => [name, stream] as const)),
  )('its signature comes back to Gemini over %s, stream: %p', async (name, stream) => {
    const provider = recordedProvider(recording);
    const env = { GEMINI_API_KEY: 'sk-recorded', GEMINI_BASE_URL: provider.url };
    const gateway = await testGateway({ env });
    try {
      const agent = agents[name](gateway, { stream });
      await agent.ask('gemini/gemini-3-pro-preview', 'One.');
      await agent.ask('gemini/gemini-3-pro-preview', 'Two.');
      const raw = stream ? recording.events!.join('') : JSON.stringify(recording.whole);
      const kind = raw.includes('functionCall') ? 'call' : 'text';
      expect(signed(provider.received.at(-1)!)).toEqual([`${kind} ${signatureIn(raw)}`]);
      expect(agent.reply.headers.get('x-clawhold-dropped-reasoning')).toBeNull();
    } finally {
      await gateway.stop();
      provider.stop();
    }
  });
});

test.skipIf(SIGNED.length > 0)(
  'skipped: the recorded traffic is not on this machine (CLAWHOLD_TRAFFIC)',
  () => {},
);
