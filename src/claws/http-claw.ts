import { markedTools } from '../core/cache-marks.ts';
import { Fault } from '../core/errors.ts';
import { wellFormed } from '../core/well-formed.ts';
import { AnswerBody, describe, failureOf, formatOf, readBeginning, wholeText } from './answer-body.ts';
import type { CallListener, Claw, Prompt, Provider, WireProtocol, WireRequest } from './claw.ts';
import { beginningOf, instructed, prefilled } from './continuation.ts';
import { ESCAPED_SURROGATE, EventStream, type SseLimits } from './event-stream.ts';
import { quotaOf } from './quota.ts';
import { shownFailure } from './shown-failure.ts';
import { lackedTools, toolTable } from './tools/table.ts';
import { type ProviderApi, type Translated, translateTools } from './tools/translate.ts';
import { WholePairs } from './whole-pairs.ts';

/** The part of `fetch` that claws use. It is injected, so that tests control the network. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

/**
 * Resolves when the origin of a base URL accepts connections, rejects with `provider_unreachable` or
 * `provider_timeout`. With `anew`, what was known of the origin does not count.
 */
export type Connect = (baseUrl: string, signal: AbortSignal, options?: { anew: boolean }) => Promise<void>;

export interface HttpClawParts {
  provider: Provider;
  protocol: WireProtocol;
  fetch: Fetch;
  connect: Connect;
  /** Rejects with `provider_unreachable` if the request that `fetch` got with `signal` waits on a dead socket. */
  checkSocket?(signal: AbortSignal): Promise<void>;
  /** `Claw.connectMs` of the provider's base URL. */
  connectMs?(): number | undefined;
  /** Asked at each call, so that a new configuration holds at once. */
  limits(): AnswerLimits;
  /**
   * The text without secrets. It is applied to the provider's message for a failed call before callers, logs or
   * stored turns get it.
   */
  redact(text: string): string;
}

/** A call that no part listens to. */
const UNHEARD: CallListener = { heard: () => {}, quota: () => {} };

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
      lackedSettings: (settings) =>
        protocol.capabilities.leavesOut.filter((name) => settings[name] !== undefined),
    },
    prefills: (prompt) => prefills(translated(prompt, api).prompt),
    connectMs: () => parts.connectMs?.(),
    probe: async (signal) => {
      await parts.connect(provider.baseUrl, signal, { anew: true });
      await parts.checkSocket?.(signal);
    },
    async *call(asked, signal, listener = UNHEARD) {
      const { prompt: wanted, restore } = translated(asked, api);
      const prompt = wanted.continues ? continued(wanted) : wanted;
      let stream: EventStream | undefined;
      try {
        const opened = await open(parts, prompt, { signal, listener });
        if (opened.format === 'json') {
          const deltas = restore(protocol.answer(opened.content, prompt, opened.headers));
          yield opened.hasSurrogates ? new WholePairs().push(deltas) : deltas;
          return;
        }
        const reader = protocol.reader(prompt, opened.headers);
        stream = new EventStream({
          body: opened.body,
          reader,
          restore,
          limits: parts.limits(),
          signal,
          heard: listener.heard,
        });
        for (;;) {
          const burst = await stream.next();
          if (!burst) return;
          yield burst;
        }
      } catch (failure) {
        if (!(failure instanceof Fault)) throw failure;
        throw shownFailure(failure, asked, protocol.name, parts.redact);
      } finally {
        stream?.close();
      }
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
  const body = jsonOf(request.body);
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

/** JSON without lone surrogates, which providers refuse. */
function jsonOf(body: WireRequest['body']): string {
  const text = JSON.stringify(body);
  return ESCAPED_SURROGATE.test(text) ? JSON.stringify(wellFormed(body)) : text;
}

/** An answer whose first bytes have come. */
type Opened = { headers: Headers } & (
  | { format: 'json'; content: unknown; hasSurrogates: boolean }
  | { format: 'events'; body: AnswerBody }
);

/** Calls the provider. Rejects with the provider's failure if there is no answer. */
async function open(
  parts: HttpClawParts,
  prompt: Prompt,
  { signal, listener }: { signal: AbortSignal; listener: CallListener },
): Promise<Opened> {
  const { protocol, provider } = parts;
  const limits = parts.limits();
  const request = protocol.request(prompt, provider);
  if (provider.wantsTrace && listener.traceParent) request.headers.traceparent = listener.traceParent;
  const response = await send(parts, request, signal);
  const quota = quotaOf(response.headers);
  if (quota) listener.quota(quota);
  if (!response.ok) throw await refusal(protocol, response, limits);
  const { status, headers } = response;
  const json = (text: string): Opened => ({
    headers,
    format: 'json',
    content: parseJson(text, response, provider),
    hasSurrogates: ESCAPED_SURROGATE.test(text),
  });
  const whole = prompt.stream ? undefined : await unbroken(wholeText(response, limits.totalBytes), signal);
  if (whole !== undefined && formatOf(whole) === 'json') return json(whole);
  const unread = whole === undefined ? response : new Response(whole, { status, headers });
  const body = new AnswerBody(unread, limits.totalBytes);
  const format = await unbroken(body.format(listener.heard), signal);
  return format === 'events' ? { headers, format, body } : json(await unbroken(body.text(), signal));
}

/** The reason of the caller's abort is kept. Any other error means that no answer came. */
function unreachable(provider: Provider, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return new Fault('provider_unreachable', `No answer came from ${provider.id} (${describe(error)}).`, {
    cause: error,
  });
}

async function refusal(protocol: WireProtocol, response: Response, limits: AnswerLimits): Promise<Fault> {
  const text = await readBeginning(response, limits.errorBytes);
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Proxies answer in HTML. The protocol then classifies by status.
  }
  const { status, headers } = response;
  const fault = protocol.fault(status, body, headers);
  const id = headers.get('x-request-id') ?? headers.get('request-id');
  const isId = id !== null && REQUEST_ID.test(id);
  return fault.with({ reported: { ...fault.reported, status, ...(isId && { request_id: id }) } });
}

/** The ids of requests at OpenAI (`x-request-id`), at Anthropic (`request-id`) and at others like them. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

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

/**
 * An origin that accepted a connection this recently is not tried again: it has a pooled one or accepts
 * another.
 */
const WARM_MS = 60_000;

/**
 * A time limit for opening a connection, because `fetch` has none. An origin without a recent success is
 * first tried with a plain TCP connection. With an HTTP proxy in `env` no origin is tried, because the
 * proxy opens the connections. `measured` learns how long it took to connect, in milliseconds.
 */
export function connectWithin(
  limitMs: () => number,
  env: Record<string, string | undefined>,
  measured: (baseUrl: string, ms: number) => void = () => {},
): Connect {
  if (hasProxy(env)) return async () => {};
  const warm = new Map<string, number>();
  /** By base URL. Calls that come together share one try. */
  const tries = new Map<string, Promise<void>>();
  const tryOnce = async (baseUrl: string): Promise<void> => {
    warm.delete(baseUrl);
    try {
      const { hostname, port, protocol } = new URL(baseUrl);
      const host = hostname.replace(/^\[|\]$/g, '');
      const startedAt = performance.now();
      await tryConnection(host, Number(port) || (protocol === 'https:' ? 443 : 80), limitMs());
      measured(baseUrl, performance.now() - startedAt);
      warm.set(baseUrl, Date.now());
    } finally {
      tries.delete(baseUrl);
    }
  };
  return async (baseUrl, signal, { anew } = { anew: false }) => {
    if (!anew && (warm.get(baseUrl) ?? 0) > Date.now() - WARM_MS) return;
    const shared = tries.get(baseUrl) ?? tryOnce(baseUrl);
    tries.set(baseUrl, shared);
    await unlessAborted(shared, signal);
  };
}

/** Whether Bun's `fetch` uses an HTTP proxy. */
export const hasProxy = (env: Record<string, string | undefined>): boolean =>
  Boolean(env.HTTPS_PROXY || env.HTTP_PROXY || env.https_proxy || env.http_proxy);

/** Rejects with the signal's reason when it aborts first. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    await Promise.race([aborted.promise, work]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function tryConnection(hostname: string, port: number, limitMs: number): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(late.resolve, limitMs, 'late' as const);
  const connection = Bun.connect({ hostname, port, socket: { data() {}, error() {} } });
  try {
    if ((await Promise.race([connection, late.promise])) !== 'late') return;
  } catch (error) {
    throw new Fault('provider_unreachable', `No connection to ${hostname}:${port} could be opened.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    connection.then(
      (socket) => socket.end(),
      () => {},
    );
  }
  throw new Fault(
    'provider_timeout',
    `${hostname}:${port} did not accept a connection within ${limitMs} ms.`,
  );
}
