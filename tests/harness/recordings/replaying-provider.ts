import { type Answer, compose } from '../../simulators/provider/answer.ts';
import { planFor } from '../../simulators/provider/behaviour.ts';
import { chat } from '../../simulators/provider/chat.ts';
import { gemini } from '../../simulators/provider/gemini.ts';
import { messages } from '../../simulators/provider/messages.ts';
import type { Memory, Protocol, ProtocolName, Trouble } from '../../simulators/provider/protocol.ts';
import { responses } from '../../simulators/provider/responses.ts';
import { asJson, asText, type Json } from '../../simulators/provider/shape.ts';
import { genuineIn, inSimulatedWords } from './genuine.ts';

/** A recorded answer, in the form in which the provider sends it. */
export type RecordedBody = { form: 'stream'; events: string[] } | { form: 'json'; body: unknown };

export interface ReplayedCall {
  protocol: ProtocolName;
  model: string;
  body: Json;
  /** Why a real provider would refuse the request. */
  trouble: Trouble | undefined;
}

/**
 * A provider of all protocols. It answers the first call of a model with the recording, and all other calls
 * with a simple answer.
 */
export interface ReplayingProvider {
  url: string;
  /** Sets the answer for the first call of a model. */
  record(model: string, recorded: RecordedBody, status?: number): void;
  /** The calls of a model, oldest first. */
  calls(model: string): ReplayedCall[];
  stop(): Promise<void>;
}

const PATHS: Record<string, Protocol> = {
  '/v1/chat/completions': chat,
  '/v1/responses': responses,
  '/v1/messages': messages,
};

const PLAN = planFor('echo');

export function replayingProvider(): ReplayingProvider {
  const recorded = new Map<string, { answer: RecordedBody; status: number }>();
  const calls = new Map<string, ReplayedCall[]>();
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = asJson(await request.json());
      const { protocol, model, streams } = targetOf(new URL(request.url), body);
      const known = recorded.get(model);
      const genuine = genuineIn(known?.answer);
      const memory: Memory = { issued: genuine.ids };
      const trouble = protocol.check(inSimulatedWords(body, genuine), PLAN, memory);
      const earlier = calls.get(model) ?? [];
      calls.set(model, [...earlier, { protocol: protocol.name, model, body, trouble }]);
      if (trouble) {
        const refusal = protocol.refusal(trouble, model);
        return Response.json(refusal.body, { status: refusal.status });
      }
      if (known && earlier.length === 0) return replay(protocol, known.answer, known.status);
      return simulate(protocol, { body, model, streams });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    record: (model, answer, status = 200) => void recorded.set(model, { answer, status }),
    calls: (model) => calls.get(model) ?? [],
    stop: () => server.stop(true),
  };
}

function targetOf({ pathname }: URL, body: Json): { protocol: Protocol; model: string; streams: boolean } {
  const protocol = PATHS[pathname];
  if (protocol) return { protocol, model: asText(body.model), streams: body.stream === true };
  const [, model, verb] = /\/models\/(.+):(\w+)$/.exec(pathname) ?? [];
  if (model === undefined) throw new Error(`no such path: ${pathname}`);
  return { protocol: gemini, model: decodeURIComponent(model), streams: verb === 'streamGenerateContent' };
}

const SSE = { 'content-type': 'text/event-stream' };

function replay(protocol: Protocol, answer: RecordedBody, status: number): Response {
  if (answer.form === 'json') return Response.json(answer.body, { status });
  return new Response(inOddChunks(sseOf(protocol.name, answer.events)), { status, headers: SSE });
}

/** The events as the protocol sends them. Recordings of chat completions may lack their end mark. */
function sseOf(protocol: ProtocolName, events: string[]): string {
  const named = protocol === 'responses' || protocol === 'messages';
  const end = protocol === 'gemini' ? '\r\n\r\n' : '\n\n';
  const text = events
    .map((data) => `${named ? `event: ${asText(asJson(JSON.parse(data)).type)}\n` : ''}data: ${data}${end}`)
    .join('');
  return protocol === 'chat' && events.at(-1) !== '[DONE]' ? `${text}data: [DONE]\n\n` : text;
}

/** Sizes of chunks, in turn. They cut lines, events and characters. */
const SIZES = [1, 7, 211, 1024, 3, 4096, 47];

function inOddChunks(text: string): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  let count = 0;
  return new ReadableStream({
    async pull(controller) {
      const size = SIZES[count++ % SIZES.length]!;
      controller.enqueue(bytes.subarray(at, at + size));
      at += size;
      if (at >= bytes.length) controller.close();
      else await new Promise(setImmediate);
    },
  });
}

let answered = 0;

function simulate(protocol: Protocol, call: { body: Json; model: string; streams: boolean }): Response {
  const answer: Answer = compose(PLAN, protocol.readRequest(call.body));
  const id = (++answered).toString(16).padStart(32, '0');
  const usage = { input: 9, cached: 0, wrote: 0, wroteHour: 0, output: 3, reasoning: 0 };
  const scene = { plan: PLAN, model: call.model, id, created: 1_770_933_892, body: call.body, usage };
  if (!call.streams) return Response.json(protocol.json(answer, scene));
  const frames = protocol.frames(answer, scene);
  return new Response(frames.map(({ text }) => text).join(''), { headers: SSE });
}
