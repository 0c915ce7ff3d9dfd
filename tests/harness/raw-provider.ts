import { asJson, type Json } from '../simulators/provider/shape.ts';

/** A chat completions server whose answers are given as bytes. */
export interface RawProvider {
  /** The settings that make a gateway call this server, as `groq/<any name>`. */
  env: Record<string, string>;
  /** Bodies that the server received. */
  received: Json[];
  /** Sets the answer of the next calls: JSON, or events of a stream, each sent in its own write. */
  answer(value: Json | string[]): void;
  stop(): Promise<void>;
}

export function rawProvider(): RawProvider {
  const received: Json[] = [];
  let answer: Json | string[] = {};
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      received.push(asJson(await request.json()));
      if (!Array.isArray(answer)) return Response.json(answer);
      const events = answer;
      const body = new ReadableStream({
        async start(controller) {
          for (const event of events) {
            controller.enqueue(new TextEncoder().encode(event));
            await Bun.sleep(2);
          }
          controller.close();
        },
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  return {
    env: { GROQ_API_KEY: 'sk-raw', GROQ_BASE_URL: `http://127.0.0.1:${server.port}/v1` },
    received,
    answer(value) {
      answer = value;
    },
    stop: () => server.stop(true),
  };
}

/** An event of a chat completions stream with this delta. */
export const chunk = (delta: Json, finish_reason: string | null = null, id = 'x'): string =>
  `data: ${JSON.stringify({ id, choices: [{ index: 0, delta, finish_reason }] })}\n\n`;

export const DONE = 'data: [DONE]\n\n';

/** A delta of a tool call. */
export const callDelta = (id: string | undefined, name: string, args: string, index = 0): Json => ({
  tool_calls: [{ index, id, type: 'function', function: { name, arguments: args } }],
});

/** A whole chat completion with this message. */
export const whole = (message: Json, finish_reason = 'stop', id = 'x'): Json => ({
  id,
  choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason }],
});
