import { planFor } from './behaviour.ts';
import { chat } from './chat.ts';
import { embeddingTarget, type RecordedEmbedding, serveEmbedding } from './embeddings.ts';
import { gemini } from './gemini.ts';
import { messages } from './messages.ts';
import type { Protocol, ProtocolName } from './protocol.ts';
import { responses } from './responses.ts';
import { JSON_TYPE, type Script, Serving } from './serving.ts';
import { asText, isJson, type Json } from './shape.ts';
import { type Exchange, listen, type WireRequest } from './wire.ts';

export type RecordedRequest = {
  protocol: ProtocolName;
  method: string;
  path: string;
  headers: Record<string, string>;
  /** Parsed JSON, or the text if it is not JSON. */
  body: unknown;
  model: string;
  /** Milliseconds since the epoch. */
  at: number;
  /** Whether the client disconnected before the answer was complete. */
  aborted: boolean;
};

export type ProviderOptions = {
  /** 0, the default, takes a free port. */
  port?: number;
  /** How many requests are kept at least. The oldest are removed first. */
  keep?: number;
};

export type Provider = {
  url: string;
  port: number;
  /** In the order of arrival. It is always the same array. */
  requests: RecordedRequest[];
  /** Requests for embeddings, in the order of arrival. */
  embeddings: RecordedEmbedding[];
  /** Removes the recorded requests; every `once-` fault can happen again. */
  reset(): void;
  /** No `once-` fault happens until the next `reset`. */
  disarm(): void;
  /** Lets a script give the answers; `undefined` ends that. The checks of requests and the model's faults stay. */
  follow(script: Script | undefined): void;
  stop(): void;
};

type Target = { protocol: Protocol; model?: string; streams?: boolean };

const TARGETS: Record<string, Target> = {
  '/v1/chat/completions': { protocol: chat },
  '/v1/responses': { protocol: responses },
  '/v1/messages': { protocol: messages },
};

const MODELS = ['echo', 'recall', 'tools', 'tool1', 'think', 'json', 'say-20', 'say-200', 'say-200+pace-10'];

export function startProvider(options: ProviderOptions = {}): Provider {
  const keep = options.keep ?? 10_000;
  const requests: RecordedRequest[] = [];
  const embeddings: RecordedEmbedding[] = [];
  const serving = new Serving();
  const reset = () => {
    requests.length = 0;
    embeddings.length = 0;
    serving.reset();
  };
  const server = listen(options.port ?? 0, (request, exchange) => {
    if (request.path === '/_requests') {
      if (request.method === 'DELETE') reset();
      exchange.reply(200, JSON_TYPE, JSON.stringify(requests));
      return;
    }
    if (request.path === '/v1/models') {
      exchange.reply(200, JSON_TYPE, JSON.stringify(modelList()));
      return;
    }
    const embedding = request.method === 'POST' ? embeddingTarget(request.path) : undefined;
    if (embedding) {
      if (embeddings.length >= 2 * keep) embeddings.splice(0, keep);
      serveEmbedding(embedding, request, exchange, embeddings);
      return;
    }
    const target = request.method === 'POST' ? targetOf(request.path) : undefined;
    if (!target) {
      notFound(request, exchange);
      return;
    }
    const recorded = record(request, target);
    // Removing in blocks is cheaper than removing one request each time.
    if (requests.length >= 2 * keep) requests.splice(0, keep);
    requests.push(recorded);
    exchange.onDisconnect(() => {
      recorded.aborted = true;
    });
    const { body, model } = recorded;
    const streams = target.streams ?? (isJson(body) && body.stream === true);
    serving.serve(
      { protocol: target.protocol, request, body, plan: planFor(model), model, streams },
      exchange,
    );
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    requests,
    embeddings,
    reset,
    disarm: () => serving.disarm(),
    follow: (script) => serving.follow(script),
    stop: server.stop,
  };
}

function targetOf(path: string): Target | undefined {
  const known = TARGETS[path];
  if (known) return known;
  const [, model, verb] =
    /^\/v1(?:beta)?\/models\/(.+):(generateContent|streamGenerateContent)$/.exec(path) ?? [];
  if (model === undefined) return undefined;
  return { protocol: gemini, model: decodeURIComponent(model), streams: verb === 'streamGenerateContent' };
}

function record(request: WireRequest, { protocol, model }: Target): RecordedRequest {
  const body = parse(request.body);
  return {
    protocol: protocol.name,
    method: request.method,
    path: request.path,
    headers: request.headers,
    body,
    model: model ?? asText(isJson(body) ? body.model : undefined),
    at: Date.now(),
    aborted: false,
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function notFound({ method, path }: WireRequest, exchange: Exchange): void {
  const message = `Invalid URL (${method} ${path})`;
  const error = { message, type: 'invalid_request_error', param: null, code: null };
  exchange.reply(404, JSON_TYPE, JSON.stringify({ error }));
}

function modelList(): Json {
  const data = MODELS.map((id) => ({ id, object: 'model', created: 1_770_933_892, owned_by: 'simulator' }));
  return { object: 'list', data };
}
