import type { Json } from '../simulators/provider/shape.ts';

/** A provider that sends what a test has written down. Speaks streamed chat completions. */
export interface ScriptedProvider {
  /** As `GROQ_BASE_URL` takes it. */
  url: string;
  /** The bodies of the requests, in the order of arrival. */
  requests: Json[];
  stop(): Promise<void>;
}

/** `choices` of the chunks that answer the `nth` request for a model, from 1 on; nothing is a refusal. */
export type Script = (model: string, nth: number, body: Json) => Json[] | undefined;

/** A stream ends after its last chunk: whole, where every choice had its reason to end, and else cut. */
export function scriptedProvider(script: Script): ScriptedProvider {
  const requests: Json[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = (await request.json()) as Json & { model: string };
      requests.push(body);
      const { model } = body;
      const choices = script(model, requests.filter((other) => other.model === model).length, body);
      if (!choices) return Response.json({ error: { message: 'Not now.' } }, { status: 503 });
      const chunks = choices.map((choice) => ({ id: 'scripted', model, choices: [{ index: 0, ...choice }] }));
      const events = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
      return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  return { url: server.url.origin, requests, stop: () => server.stop(true) };
}

/** A chunk that adds something to a choice. */
export const adds = (delta: Json, index = 0): Json => ({ index, delta, finish_reason: null });
/** A chunk that ends a choice. */
export const ends = (reason: string, index = 0): Json => ({ index, delta: {}, finish_reason: reason });
