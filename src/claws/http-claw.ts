import { markedTools } from '../core/cache-marks.ts';
import type { Delta } from '../core/delta.ts';
import { callFailureOf, Fault } from '../core/errors.ts';
import { wellFormedJson } from '../core/well-formed.ts';
import { AnswerBody, formatOf, isKeepAlive, readBeginning, wholeText } from './answer-body.ts';
import type { Claw, Prompt, Provider, SseEvent, StreamReader, WireProtocol, WireRequest } from './claw.ts';
import { beginningOf, instructed, prefilled } from './continuation.ts';
import { type SseLimits, SseParser } from './sse-parser.ts';
import { lackedTools, toolTable } from './tools/table.ts';
import { type ProviderApi, type Translated, translateTools } from './tools/translate.ts';

/** The part of `fetch` that claws use. It is injected, so that tests control the network. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

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
  /** Asked at each call, so that a new configuration holds at once. */
  limits(): AnswerLimits;
}

/** How much of an answer is read. Bytes are counted after decompression. */
export interface AnswerLimits extends SseLimits {
  totalBytes: number;
  /** The beginning of an error's body. The rest is not read. */
  errorBytes: number;
}

/**
 * Connects a wire protocol to a provider over HTTP. Every claw is made here, except the built-in
 * `local/recall`.
 */
export function httpClaw(parts: HttpClawParts): Claw {
  const { provider, protocol } = parts;
  const table = toolTable(protocol.name, provider);
  const api = { provider: provider.id, protocol: protocol.name, table };
  const prefills = (prompt: Prompt): boolean =>
    prompt.continues === true && beginningOf(prompt).trim() !== '' && protocol.prefills(prompt, provider);
  const continued = (prompt: Prompt): Prompt => (prefills(prompt) ? prefilled(prompt) : instructed(prompt));
  return {
    provider: provider.id,
    protocol: protocol.name,
    capabilities: {
      ...protocol.capabilities,
      lackedTools: (tools, vocabulary) => lackedTools(tools, table, vocabulary === protocol.name),
    },
    prefills: (prompt) => prefills(translated(prompt, api).prompt),
    async *call(asked, signal, heard = () => {}) {
      const { prompt: wanted, restore } = translated(asked, api);
      const prompt = wanted.continues ? continued(wanted) : wanted;
      const limits = parts.limits();
      const response = await send(parts, protocol.request(prompt, provider), signal);
      if (!response.ok) throw await refusal(protocol, response, limits);
      const whole = prompt.stream
        ? undefined
        : await unbroken(wholeText(response, limits.totalBytes), signal);
      if (whole !== undefined && formatOf(whole) === 'json') {
        yield restore(protocol.answer(parseJson(whole, response, provider), prompt, response.headers));
        return;
      }
      const { status, headers } = response;
      const unread = whole === undefined ? response : new Response(whole, { status, headers });
      const body = new AnswerBody(unread, limits.totalBytes);
      const format = await unbroken(body.format(heard), signal);
      if (format === 'events') {
        const stream = { body, reader: protocol.reader(prompt, response.headers), limits, heard };
        for await (const burst of readStream(stream, signal)) {
          const restored = restore(burst);
          if (restored.length > 0) yield restored;
        }
        return;
      }
      const answer = parseJson(await unbroken(body.text(), signal), response, provider);
      yield restore(protocol.answer(answer, prompt, response.headers));
    },
  };
}

/** A prompt without tools and calls needs no translation. */
function translated(prompt: Prompt, api: ProviderApi): Translated {
  const isPlain =
    !prompt.settings.tools?.length &&
    prompt.items.every(({ item: { type } }) => type === 'message' || type === 'reasoning');
  return isPlain ? { prompt, restore: (deltas) => deltas } : translateTools(withToolMarks(prompt, api), api);
}

/** Only these protocols have cache marks on tools. The translation keeps them there. */
function withToolMarks(prompt: Prompt, { protocol }: ProviderApi): Prompt {
  const { marks, settings } = prompt;
  if (!marks || !settings.tools || (protocol !== 'anthropic' && protocol !== 'openai-chat')) return prompt;
  return { ...prompt, settings: { ...settings, tools: markedTools(settings, marks) } };
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
      decompress: false,
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

async function refusal(protocol: WireProtocol, response: Response, limits: AnswerLimits): Promise<Fault> {
  const text = await readBeginning(response, limits.errorBytes);
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Proxies answer in HTML. The protocol then classifies by status.
  }
  return protocol.fault(response.status, body, response.headers);
}

/** What is read from the body of an answer; a failure means that the connection broke. */
async function unbroken<T>(read: Promise<T>, signal: AbortSignal): Promise<T> {
  try {
    return await read;
  } catch (error) {
    throw failureOf(error, signal);
  }
}

function parseJson(text: string, { status }: Response, provider: Provider): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault(
      'provider_protocol_error',
      `${provider.id} answered ${status} with text that is not JSON; a JSON object was expected.`,
      { raw: text.slice(0, 1000) },
    );
  }
}

interface StreamedAnswer {
  body: AnswerBody;
  reader: StreamReader;
  limits: SseLimits;
  heard(): void;
}

async function* readStream(
  { body, reader, limits, heard }: StreamedAnswer,
  signal: AbortSignal,
): AsyncGenerator<readonly Delta[]> {
  const parser = new SseParser(limits);
  const decoder = new TextDecoder();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await body.read();
      ended = done === true;
      if (done) break;
      const { events, alive } = parser.push(decoder.decode(value, { stream: true }));
      if (alive) heard();
      const { deltas, failure } = readEvents(reader, events);
      if (deltas.length > 0) yield deltas;
      if (failure !== undefined) throw failure;
    }
    const last = reader.end();
    if (last.length > 0) yield last;
  } catch (error) {
    const failure = failureOf(error, signal);
    const last = endOf(reader, failure);
    if (!last) throw failure;
    if (last.length > 0) yield last;
  } finally {
    if (!ended) body.cancel();
  }
}

/** What ended the reading of an answer. The reason of the caller's abort comes first. */
function failureOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof Fault ? error : interrupted(error);
}

/**
 * The last deltas of an answer whose call failed after the provider said how the answer ends: nothing of it
 * is missing. Undefined for an incomplete answer, and where the turn was stopped.
 */
function endOf(reader: StreamReader, failure: unknown): Delta[] | undefined {
  if (callFailureOf(failure) === undefined) return undefined;
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
    for (const event of events) {
      if (isKeepAlive(event)) continue;
      for (const delta of reader.push(event)) deltas.push(delta);
    }
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
