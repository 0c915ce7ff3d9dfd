import { asJson, asText, type Json } from '../simulators/provider/shape.ts';
import { sent } from './upstream.ts';

/** A call that a provider has received, and that a test answers when it likes. Speaks chat completions. */
export interface DictatedCall {
  /** What the provider was sent, as `sent` tells it. */
  heard: string[];
  body: Json;
  say(text: string): void;
  /** Calls a tool, with arguments that may be cut. */
  callTool(name: string, args: string): void;
  /** The answer is whole. */
  end(): void;
  /** The connection ends where the answer stands. */
  breakOff(): void;
  /** Answers with an error instead; nothing may have been said. */
  refuse(status: number, headers?: Record<string, string>): void;
  /** Settles when the gateway has hung up. */
  left: Promise<void>;
}

/** A provider that says nothing but what a test dictates, when the test says so. */
export interface DictatedProvider {
  /** The settings that make a gateway call it: as `groq/<any name>`. */
  env: Record<string, string>;
  /** The next call that was not taken yet, in the order of arrival. */
  next(): Promise<DictatedCall>;
  /** How many calls have arrived. */
  calls(): number;
  /** Calls that nobody dictates are answered by themselves, from now on; `undefined` for no longer. */
  byItself(answer: ((call: DictatedCall) => void) | undefined): void;
  stop(): Promise<void>;
}

export function dictatedProvider(): DictatedProvider {
  const arrived: DictatedCall[] = [];
  const awaited: ((call: DictatedCall) => void)[] = [];
  let count = 0;
  let alone: ((call: DictatedCall) => void) | undefined;
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const body = asJson(await request.json());
      const dictated = new Dictated(request, body);
      count++;
      if (alone) alone(dictated);
      else if (awaited.length > 0) awaited.shift()!(dictated);
      else arrived.push(dictated);
      return dictated.response;
    },
  });
  return {
    env: { GROQ_API_KEY: 'sk-dictated', GROQ_BASE_URL: `http://127.0.0.1:${server.port}/v1` },
    next: async () => arrived.shift() ?? new Promise((resolve) => awaited.push(resolve)),
    calls: () => count,
    byItself(answer) {
      alone = answer;
    },
    stop: () => server.stop(true),
  };
}

const SSE = { 'content-type': 'text/event-stream' };

class Dictated implements DictatedCall {
  readonly heard: string[];
  readonly response: Promise<Response>;
  readonly left: Promise<void>;
  private readonly answer = Promise.withResolvers<Response>();
  private readonly hungUp = Promise.withResolvers<void>();
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  private said = '';
  private readonly tools: Json[] = [];

  constructor(
    request: Request,
    readonly body: Json,
  ) {
    const { method, url } = request;
    const model = asText(body.model);
    this.heard = sent({
      ...{ protocol: 'chat', method, path: url, headers: {}, body, model, at: 0, aborted: false },
    });
    this.response = this.answer.promise;
    this.left = this.hungUp.promise;
    request.signal.addEventListener('abort', () => this.hungUp.resolve());
  }

  say(text: string): void {
    this.said += text;
    this.send({ delta: { role: 'assistant', content: text }, finish_reason: null });
  }

  callTool(name: string, args: string): void {
    const call = { id: `call_${name}`, type: 'function', function: { name, arguments: args } };
    const index = this.tools.push(call) - 1;
    this.send({ delta: { tool_calls: [{ index, ...call }] }, finish_reason: null });
  }

  end(): void {
    const finish_reason = this.tools.length > 0 ? 'tool_calls' : 'stop';
    if (this.body.stream !== true) {
      const calls = this.tools.length > 0 ? { tool_calls: this.tools } : {};
      const message = { role: 'assistant', content: this.said, ...calls };
      const choices = [{ index: 0, message, finish_reason }];
      this.answer.resolve(Response.json({ ...this.envelope('chat.completion'), choices, usage: USAGE }));
      return;
    }
    this.send({ delta: {}, finish_reason }, { usage: USAGE });
    this.write('data: [DONE]\n\n');
    this.breakOff();
  }

  breakOff(): void {
    try {
      this.controller!.close();
    } catch {
      // The gateway has hung up.
    }
  }

  refuse(status: number, headers: Record<string, string> = {}): void {
    const error = { message: 'Not now.', type: 'server_error', code: null };
    this.answer.resolve(Response.json({ error }, { status, headers }));
  }

  private send(choice: Json, rest: Json = {}): void {
    if (this.body.stream !== true) return;
    const chunk = {
      ...this.envelope('chat.completion.chunk'),
      choices: [{ index: 0, ...choice }],
      ...rest,
    };
    this.write(`data: ${JSON.stringify(chunk)}\n\n`);
  }

  private envelope(object: string): Json {
    return { id: 'chatcmpl-dictated', object, created: 1_770_933_892, model: asText(this.body.model) };
  }

  private write(text: string): void {
    if (!this.controller) {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          this.controller = controller;
        },
        cancel: () => this.hungUp.resolve(),
      });
      this.answer.resolve(new Response(body, { headers: SSE }));
    }
    try {
      this.controller!.enqueue(new TextEncoder().encode(text));
    } catch {
      // The gateway has hung up; what it does not hear does no harm.
    }
  }
}

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
