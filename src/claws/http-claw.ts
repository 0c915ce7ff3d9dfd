import type { Delta } from '../core/delta.ts';
import { type ErrorCode, Fault } from '../core/errors.ts';
import { wellFormedJson } from '../core/well-formed.ts';
import type { Claw, Prompt, Provider, SseEvent, StreamReader, WireProtocol, WireRequest } from './claw.ts';
import { beginningOf, instructed, prefilled } from './continuation.ts';

/** The part of `fetch` that claws use. It is injected, so that tests control the network. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * Resolves when the origin of a base URL accepts connections, rejects with `provider_unreachable` or
 * `provider_timeout`.
 */
export type Connect = (baseUrl: string, signal: AbortSignal) => Promise<void>;

export interface HttpClawParts {
  provider: Provider;
  protocol: WireProtocol;
  fetch: Fetch;
  connect: Connect;
}

/** Failures of the connection. They may come after an answer is complete. */
const CONNECTION_LOST = new Set<ErrorCode>(['stream_interrupted', 'provider_timeout']);

/** In characters. The beginning of an error page is enough to classify it. */
const MAX_ERROR_BODY = 64 * 1024;

/**
 * Connects a wire protocol to a provider over HTTP. Every claw is made here, except the built-in
 * `local/recall`.
 */
export function httpClaw(parts: HttpClawParts): Claw {
  const { provider, protocol } = parts;
  const prefills = (prompt: Prompt): boolean =>
    prompt.continues === true && beginningOf(prompt).trim() !== '' && protocol.prefills(prompt, provider);
  const continued = (prompt: Prompt): Prompt => (prefills(prompt) ? prefilled(prompt) : instructed(prompt));
  return {
    provider: provider.id,
    protocol: protocol.name,
    capabilities: protocol.capabilities,
    prefills,
    async *call(wanted, signal) {
      const prompt = wanted.continues ? continued(wanted) : wanted;
      const response = await send(parts, protocol.request(prompt, provider), signal);
      if (!response.ok) throw await refusal(protocol, response);
      if (prompt.stream && isEventStream(response)) yield* readStream(response, protocol, prompt, signal);
      else yield protocol.answer(await readJson(response, provider, signal), prompt);
    },
  };
}

async function send(parts: HttpClawParts, request: WireRequest, signal: AbortSignal): Promise<Response> {
  const { provider } = parts;
  const body = wellFormedJson(request.body);
  await parts.connect(provider.baseUrl, signal);
  try {
    return await parts.fetch(provider.baseUrl + request.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...request.headers },
      body,
      signal,
      redirect: 'error',
    });
  } catch (error) {
    throw unreachable(provider, error, signal);
  }
}

/** The reason of the caller's abort is kept. Any other error means that no answer came. */
function unreachable(provider: Provider, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return new Fault('provider_unreachable', `No answer came from ${provider.id} (${describe(error)}).`, {
    cause: error,
  });
}

function interrupted(error: unknown): Fault {
  const message = `The connection to the provider broke during the answer (${describe(error)}).`;
  return new Fault('stream_interrupted', message, { cause: error });
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

async function refusal(protocol: WireProtocol, response: Response): Promise<Fault> {
  const text = (await response.text().catch(() => '')).slice(0, MAX_ERROR_BODY);
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Proxies answer in HTML. The protocol then classifies by status.
  }
  return protocol.fault(response.status, body, response.headers);
}

async function readJson(response: Response, provider: Provider, signal: AbortSignal): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw interrupted(error);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault(
      'provider_protocol_error',
      `${provider.id} answered ${response.status} with text that is not JSON; a JSON object was expected.`,
      { raw: text.slice(0, 1000) },
    );
  }
}

async function* readStream(
  response: Response,
  protocol: WireProtocol,
  prompt: Prompt,
  signal: AbortSignal,
): AsyncGenerator<readonly Delta[]> {
  const reader = protocol.reader(prompt);
  const parser = new SseParser();
  const decoder = new TextDecoder();
  const body = response.body!.getReader();
  let ended = false;
  try {
    while (!ended) {
      const { done, value } = await body.read();
      ended = done;
      const events = parser.push(done ? decoder.decode() : decoder.decode(value, { stream: true }));
      const { deltas, failure } = readEvents(reader, events);
      if (deltas.length > 0) yield deltas;
      if (failure !== undefined) throw failure;
    }
    const last = reader.end();
    if (last.length > 0) yield last;
  } catch (error) {
    const failure = signal.aborted ? signal.reason : error instanceof Fault ? error : interrupted(error);
    const last = endOf(reader, failure);
    if (!last) throw failure;
    if (last.length > 0) yield last;
  } finally {
    // Frees the connection when the consumer stops early. Otherwise Bun keeps the socket of the unread body.
    if (!ended) body.cancel().catch(() => {});
  }
}

/**
 * The last deltas of an answer whose connection broke or timed out after the answer was complete.
 * Undefined for an incomplete answer and for any other failure.
 */
function endOf(reader: StreamReader, failure: unknown): Delta[] | undefined {
  if (!(failure instanceof Fault) || !CONNECTION_LOST.has(failure.code)) return undefined;
  try {
    return reader.end();
  } catch {
    return undefined;
  }
}

/** Deltas that came before a malformed event are yielded before the failure is thrown. */
function readEvents(reader: StreamReader, events: SseEvent[]): { deltas: Delta[]; failure?: unknown } {
  const deltas: Delta[] = [];
  try {
    for (const event of events) for (const delta of reader.push(event)) deltas.push(delta);
    return { deltas };
  } catch (failure) {
    return { deltas, failure };
  }
}

/**
 * An origin that accepted a connection this recently is not tried again: it has a pooled one or accepts
 * another.
 */
const WARM_MS = 60_000;

/**
 * A time limit for opening a connection, because `fetch` has none. An origin without a recent success is
 * first tried with a plain TCP connection. With an HTTP proxy in `env` no origin is tried, because the
 * proxy opens the connections.
 */
export function connectWithin(limitMs: () => number, env: Record<string, string | undefined>): Connect {
  if (env.HTTPS_PROXY || env.HTTP_PROXY || env.https_proxy || env.http_proxy) return async () => {};
  const warm = new Map<string, number>();
  return async (baseUrl, signal) => {
    if ((warm.get(baseUrl) ?? 0) > Date.now() - WARM_MS) return;
    const { hostname, port, protocol } = new URL(baseUrl);
    const host = hostname.replace(/^\[|\]$/g, '');
    await tryConnection(host, Number(port) || (protocol === 'https:' ? 443 : 80), limitMs(), signal);
    warm.set(baseUrl, Date.now());
  };
}

async function tryConnection(
  hostname: string,
  port: number,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const givenUp = Promise.withResolvers<'late' | 'aborted'>();
  const timer = setTimeout(givenUp.resolve, limitMs, 'late');
  const abort = () => givenUp.resolve('aborted');
  signal.addEventListener('abort', abort);
  const connection = Bun.connect({ hostname, port, socket: { data() {}, error() {} } });
  try {
    const first = await Promise.race([connection, givenUp.promise]);
    signal.throwIfAborted();
    if (first === 'late') {
      throw new Fault(
        'provider_timeout',
        `${hostname}:${port} did not accept a connection within ${limitMs} ms.`,
      );
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof Fault) throw error;
    throw new Fault('provider_unreachable', `No connection to ${hostname}:${port} could be opened.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
    connection.then(
      (socket) => socket.end(),
      () => {},
    );
  }
}

/**
 * Splits a stream of text into server-sent events (WHATWG HTML, section 9.2.6): lines end in LF, CRLF or
 * CR, several `data` lines are joined by LF, comments and unknown fields are ignored. An event is returned
 * only after its blank line, as the specification says: the end of the stream does not complete it.
 */
export class SseParser {
  private rest = '';
  private event: string | undefined;
  private data: string | undefined;

  push(chunk: string): SseEvent[] {
    const events: SseEvent[] = [];
    const text = this.rest === '' ? chunk : this.rest + chunk;
    let from = 0;
    while (from < text.length) {
      const end = lineEnd(text, from);
      if (end === -1) break;
      this.line(text.slice(from, end), events);
      from = text[end] === '\r' && text[end + 1] === '\n' ? end + 2 : end + 1;
    }
    this.rest = from === text.length ? '' : text.slice(from);
    return events;
  }

  private line(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.data !== undefined) events.push({ event: this.event, data: this.data });
      this.data = undefined;
      this.event = undefined;
    } else if (line.startsWith('data:')) {
      const value = line.slice(line[5] === ' ' ? 6 : 5);
      this.data = this.data === undefined ? value : `${this.data}\n${value}`;
    } else if (line.startsWith('event:')) {
      this.event = line.slice(line[6] === ' ' ? 7 : 6);
    }
  }
}

/**
 * The index of the next line end, or -1. A CR at the end of the text may be half of a CRLF, so it is not
 * taken yet.
 */
function lineEnd(text: string, from: number): number {
  const lf = text.indexOf('\n', from);
  const cr = text.indexOf('\r', from);
  if (cr === -1 || (lf !== -1 && lf < cr)) return lf;
  return cr === text.length - 1 ? -1 : cr;
}
