import { SseParser } from '../../claws/sse-parser.ts';

/**
 * An error that the gateway answered with, or a failed connection to it. `status` is 0 without an HTTP error
 * status.
 */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';

  constructor(
    message: string,
    readonly status: number,
    readonly code?: string,
  ) {
    super(message);
  }
}

/** One part of an answer, in order. The answer is whole only if the iteration ends without an error. */
export type AnswerPart =
  | { type: 'begun'; model?: string; responseId?: string; history?: string; droppedTokens: number }
  | { type: 'text'; text: string }
  | { type: 'reasoning'; text: string }
  | { type: 'finish'; reason: string }
  | { type: 'usage'; usage: AnswerUsage };

export interface AnswerUsage {
  input: number;
  output: number;
  /** How many of the input tokens came from the provider's cache. */
  cached: number;
  /** How many of the output tokens were reasoning. */
  reasoning: number;
  /** US dollars. Absent when the price of the model is not known. */
  cost?: number;
  /** The cost is not exact. */
  estimated?: boolean;
}

export interface Question {
  model: string;
  text: string;
  /** Without a session, the turn is not stored. */
  session?: string;
  signal: AbortSignal;
}

/** One message of a session, as plain text. */
export interface TextMessage {
  role: string;
  text: string;
}

export interface SessionTail {
  /** The newest messages, oldest first. */
  messages: TextMessage[];
  /** Whether the session has older messages. */
  more: boolean;
}

interface Chunk {
  error?: { message?: string; code?: string };
  choices?: {
    delta?: { content?: string | null; refusal?: string | null; reasoning_content?: string };
    finish_reason?: string | null;
  }[];
  usage?: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details?: { cached_tokens?: number };
    completion_tokens_details?: { reasoning_tokens?: number };
    cost?: number;
    cost_estimated?: boolean;
  } | null;
}

interface Item {
  type: string;
  role?: string;
  content?: { text?: string; refusal?: string }[];
}

/** The gateway as every client sees it: only its public HTTP API. */
export class GatewayApi {
  /** `url` has no slash and no `/v1` at its end. */
  constructor(
    readonly url: string,
    private readonly key: string | undefined,
  ) {}

  /** The names of the models that can be called now, in the gateway's order. */
  async models(): Promise<string[]> {
    const response = await this.call('/v1/models');
    const { data } = (await response.json()) as { data: { id: string }[] };
    return data.map(({ id }) => id);
  }

  /** The newest messages of a session. Undefined when the gateway has no such session. */
  async tail(session: string): Promise<SessionTail | undefined> {
    try {
      const path = `/v1/conversations/${encodeURIComponent(session)}/items?order=desc&limit=100`;
      const page = (await (await this.call(path)).json()) as { data: Item[]; has_more: boolean };
      const messages = page.data.flatMap((item) =>
        item.type === 'message' ? [{ role: item.role ?? '', text: textOf(item) }] : [],
      );
      return { messages: messages.reverse(), more: page.has_more };
    } catch (error) {
      if (error instanceof GatewayError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Asks the model and streams its answer. Throws a `GatewayError`, also when the answer breaks off. */
  async *answer({ model, text, session, signal }: Question): AsyncGenerator<AnswerPart> {
    const response = await this.call('/v1/chat/completions', {
      method: 'POST',
      signal,
      headers: { 'content-type': 'application/json', ...(session && { 'x-session-id': session }) },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: text }],
        stream: true,
        stream_options: { include_usage: true },
      }),
    });
    const { headers } = response;
    yield {
      type: 'begun',
      model: headers.get('x-clawhold-model-id') ?? undefined,
      responseId: headers.get('x-clawhold-response-id') ?? undefined,
      history: headers.get('x-clawhold-history') ?? undefined,
      droppedTokens: Number(/dropped=(\d+)/.exec(headers.get('x-clawhold-context') ?? '')?.[1] ?? 0),
    };
    yield* readAnswer(response);
  }

  /** Stops a running turn; the text that arrived is kept. Does not throw when the turn has already ended. */
  async cancel(responseId: string): Promise<void> {
    try {
      await this.call(`/v1/responses/${responseId}/cancel`, { method: 'POST' });
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'not_cancellable') throw error;
    }
  }

  private async call(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.key !== undefined) headers.set('authorization', `Bearer ${this.key}`);
    let response: Response;
    try {
      response = await fetch(this.url + path, { ...init, headers });
    } catch (error) {
      if (init.signal?.aborted) throw init.signal.reason;
      throw new GatewayError(`The gateway at ${this.url} does not answer (${(error as Error).message}).`, 0);
    }
    if (response.ok) return response;
    const body = await response.text();
    throw errorOf(body, response.status);
  }
}

async function* readAnswer(response: Response): AsyncGenerator<AnswerPart> {
  const parser = new SseParser();
  const decoder = new TextDecoder();
  for await (const bytes of response.body!) {
    for (const { data } of parser.push(decoder.decode(bytes, { stream: true })).events) {
      if (data === '[DONE]') return;
      yield* partsOf(JSON.parse(data) as Chunk);
    }
  }
  throw new GatewayError('The answer broke off. The part that arrived is kept. Send the message again.', 0);
}

function* partsOf(chunk: Chunk): Generator<AnswerPart> {
  if (chunk.error) throw new GatewayError(chunk.error.message ?? 'The answer failed.', 0, chunk.error.code);
  for (const { delta, finish_reason: reason } of chunk.choices ?? []) {
    const text = delta?.content || delta?.refusal;
    if (delta?.reasoning_content) yield { type: 'reasoning', text: delta.reasoning_content };
    if (text) yield { type: 'text', text };
    if (reason) yield { type: 'finish', reason };
  }
  const { usage } = chunk;
  if (!usage) return;
  yield {
    type: 'usage',
    usage: {
      input: usage.prompt_tokens,
      output: usage.completion_tokens,
      cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
      reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
      cost: usage.cost,
      estimated: usage.cost_estimated,
    },
  };
}

function errorOf(body: string, status: number): GatewayError {
  try {
    const { error } = JSON.parse(body) as { error: { message: string; code?: string } };
    return new GatewayError(error.message, status, error.code);
  } catch {
    return new GatewayError(`HTTP ${status}: ${body.slice(0, 200)}`, status);
  }
}

function textOf({ content = [] }: Item): string {
  return content.map(({ text, refusal }) => text ?? refusal ?? '').join('');
}
