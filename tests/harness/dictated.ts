import { asJson, asText, type Json } from '../simulators/provider/shape.ts';
import { sent } from './upstream.ts';

/** A chat completions call that the provider received. The test decides what is answered, and when. */
export interface DictatedCall {
  /** What the provider received, as lines of `sent`. */
  received: string[];
  body: Json;
  say(text: string): void;
  /** Sends the headers of a stream. */
  openStream(): void;
  /** Sends a comment, which is no part of the answer. */
  ping(): void;
  /** Calls a tool. The arguments may be incomplete. */
  callTool(name: string, args: string): void;
  /** Ends the answer properly. */
  end(): void;
  /** Closes the connection without the end of the answer. */
  breakOff(): void;
  /** Answers with an error. Only possible before any text. */
  refuse(status: number, headers?: Record<string, string>): void;
  /** Resolves when the gateway has disconnected. */
  disconnected: Promise<void>;
}

/** A provider whose answers a test dictates, part by part. */
export interface DictatedProvider {
  /** The settings that make a gateway call this provider, as `groq/<any name>`. */
  env: Record<string, string>;
  /** Resolves to the next call that no test has taken, in the order of arrival. */
  next(): Promise<DictatedCall>;
  /** How many calls have arrived. */
  calls(): number;
  /** Answers all further calls with this function; `undefined` stops that. */
  answerAutomatically(answer: ((call: DictatedCall) => void) | undefined): void;
  stop(): Promise<void>;
}

export function dictatedProvider(hostname = '127.0.0.1'): DictatedProvider {
  const arrived: DictatedCall[] = [];
  const waiting: ((call: DictatedCall) => void)[] = [];
  let count = 0;
  let automatic: ((call: DictatedCall) => void) | undefined;
  const server = Bun.serve({
    port: 0,
    hostname,
    idleTimeout: 0,
    async fetch(request) {
      const body = asJson(await request.json());
      const dictated = new Dictated(request, body);
      count++;
      if (automatic) automatic(dictated);
      else if (waiting.length > 0) waiting.shift()!(dictated);
      else arrived.push(dictated);
      return dictated.response;
    },
  });
  return {
    env: { GROQ_API_KEY: 'sk-dictated', GROQ_BASE_URL: `http://${hostname}:${server.port}/v1` },
    next: async () => arrived.shift() ?? new Promise((resolve) => waiting.push(resolve)),
    calls: () => count,
    answerAutomatically(answer) {
      automatic = answer;
    },
    stop: () => server.stop(true),
  };
}

const SSE = { 'content-type': 'text/event-stream' };

class Dictated implements DictatedCall {
  readonly received: string[];
  readonly response: Promise<Response>;
  readonly disconnected: Promise<void>;
  private readonly answer = Promise.withResolvers<Response>();
  private readonly hungUp = Promise.withResolvers<void>();
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  private text = '';
  private readonly tools: Json[] = [];

  constructor(
    request: Request,
    readonly body: Json,
  ) {
    const { method, url } = request;
    const model = asText(body.model);
    this.received = sent({
      ...{ protocol: 'chat', method, path: url, headers: {}, body, model, at: 0, aborted: false },
    });
    this.response = this.answer.promise;
    this.disconnected = this.hungUp.promise;
    request.signal.addEventListener('abort', () => this.hungUp.resolve());
  }

  say(text: string): void {
    this.text += text;
    this.send({ delta: { role: 'assistant', content: text }, finish_reason: null });
  }

  openStream(): void {
    if (this.controller) return;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller;
      },
      cancel: () => this.hungUp.resolve(),
    });
    this.answer.resolve(new Response(body, { headers: SSE }));
  }

  ping(): void {
    this.write(': ping\n\n');
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
      const message = { role: 'assistant', content: this.text, ...calls };
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
      // The gateway has disconnected.
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
    this.openStream();
    try {
      this.controller!.enqueue(new TextEncoder().encode(text));
    } catch {
      // The gateway has disconnected, so the text is not needed.
    }
  }
}

const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
