import { ownCommand } from '../own-command.ts';
import { Disconnected, GatewayError } from './gateway-error.ts';
import type { Receipt } from './receipt-note.ts';

export interface Question {
  model: string;
  text: string;
  /** Without a session, the turn is not stored. */
  session?: string;
  /** The `Idempotency-Key`. A question that is sent again with the same key is not asked twice. */
  key: string;
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
    private key: string | undefined,
    /** The key to try when the gateway refuses this one: the root key may have been rotated. */
    private readonly newerKey: () => string | undefined = () => undefined,
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

  /** Asks the model. The reply streams a chat completion and comes with the first part of the answer. */
  ask({ model, text, session, key }: Question, signal: AbortSignal): Promise<Response> {
    return this.call('/v1/chat/completions', {
      method: 'POST',
      signal,
      headers: {
        'content-type': 'application/json',
        'idempotency-key': key,
        ...(session && { 'x-session-id': session }),
      },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: text }],
        stream: true,
        stream_options: { include_usage: true },
      }),
    });
  }

  /** Streams a chat completion again, from the event after number `after`. -1 is the whole stream. */
  resume(responseId: string, after: number, signal: AbortSignal): Promise<Response> {
    const id = responseId.replace(/^resp_/, 'chatcmpl-');
    return this.call(`/v1/chat/completions/${id}?stream=true&starting_after=${after}`, { signal });
  }

  /** How a stored answer came about. */
  async receipt(responseId: string): Promise<Receipt> {
    return (await (await this.call(`/v1/responses/${responseId}/receipt`)).json()) as Receipt;
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
    let response = await this.send(path, init);
    const newer = response.status === 401 ? this.newerKey() : undefined;
    if (newer !== undefined && newer !== this.key) {
      this.key = newer;
      response = await this.send(path, init);
    }
    if (response.ok) return response;
    throw errorOf(await response.text(), response.status);
  }

  private async send(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.key !== undefined) headers.set('authorization', `Bearer ${this.key}`);
    try {
      return await fetch(this.url + path, { ...init, headers });
    } catch (error) {
      if (init.signal?.aborted) throw init.signal.reason;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new Disconnected(
        `The gateway at ${this.url} does not answer (${code ?? message}). Start it: ${ownCommand(process.env)('start')}`,
      );
    }
  }
}

/** A proxy answers with these statuses while its server is not available. */
const NO_SERVER = [502, 503, 504];

function errorOf(body: string, status: number): GatewayError {
  const error = errorIn(body);
  if (error?.code === 'shutting_down') return new Disconnected('The gateway is stopping.');
  if (error) return new GatewayError(error.message, status, error.code);
  const excerpt = `HTTP ${status}: ${body.slice(0, 200)}`;
  return NO_SERVER.includes(status) ? new Disconnected(excerpt) : new GatewayError(excerpt, status);
}

function errorIn(body: string): { message: string; code?: string } | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: { message?: string; code?: string } };
    return error?.message === undefined ? undefined : { message: error.message, code: error.code };
  } catch {
    return undefined;
  }
}

function textOf({ content = [] }: Item): string {
  return content.map(({ text, refusal }) => text ?? refusal ?? '').join('');
}
