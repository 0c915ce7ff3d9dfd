import type { Json } from '../simulators/provider/shape.ts';

/** A provider that sends the streamed chat completions of a script. */
export interface ScriptedProvider {
  /** The value for `GROQ_BASE_URL`. */
  url: string;
  /** The bodies of the requests, in the order of arrival. */
  requests: Json[];
  stop(): Promise<void>;
}

/** Returns the choices of the chunks that answer the `nth` request for a model (from 1). Undefined: answer 503. */
export type Script = (model: string, nth: number, body: Json) => Json[] | undefined;

/** A stream ends after its last chunk, without `[DONE]`. It is whole if every choice has a finish reason. */
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

/** A chunk that adds a delta to a choice. */
export const adds = (delta: Json, index = 0): Json => ({ index, delta, finish_reason: null });
/** A chunk that ends a choice. */
export const ends = (reason: string, index = 0): Json => ({ index, delta: {}, finish_reason: reason });
