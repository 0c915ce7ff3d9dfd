import { markedTools } from '../core/cache-marks.ts';
import { Fault } from '../core/errors.ts';
import type { Prompt } from '../core/prompt.ts';
import { wellFormed } from '../core/well-formed.ts';
import { AnswerBody, describe, failureOf, readBeginning } from './answer-body.ts';
import type { CallListener, Claw, Provider, WireProtocol, WireRequest } from './claw.ts';
import { beginningOf, instructed, prefilled } from './continuation.ts';
import { ESCAPED_SURROGATE, EventStream, type SseLimits } from './event-stream.ts';
import type { Reach } from './http/reach.ts';
import type { AnswerHeaders, HttpAnswer, Post } from './http/transport.ts';
import { quotaOf } from './quota.ts';
import { shownFailure } from './shown-failure.ts';
import { lackedTools, toolTable } from './tools/table.ts';
import { type ProviderApi, type Translated, translateTools } from './tools/translate.ts';
import { WholePairs } from './whole-pairs.ts';

/** What connects a wire protocol to its provider. */
export interface HttpClawParts {
  provider: Provider;
  protocol: WireProtocol;
  post: Post;
  /** Rejects with `provider_unreachable` or `provider_timeout` if the origin of a URL accepts no connection now. */
  reach: Reach;
  /** Rejects with `provider_unreachable` if the request that `post` got with `signal` waits on a dead socket. */
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
      await parts.reach(provider.baseUrl, signal);
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

/** Sends a request to the provider; rejects with `provider_unreachable` where no answer comes. */
export async function send(
  parts: Pick<HttpClawParts, 'provider' | 'post'>,
  request: WireRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const { provider, post } = parts;
  try {
    return await post({
      url: provider.baseUrl + request.path,
      headers: { 'content-type': 'application/json', ...request.headers },
      body: jsonOf(request.body),
      signal,
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
type Opened = { headers: AnswerHeaders } & (
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
  const answer = await send(parts, request, signal);
  const { status, headers } = answer;
  const quota = quotaOf(headers);
  if (quota) listener.quota(quota);
  if (status < 200 || status > 299) throw await refusal(protocol, answer, limits);
  const body = new AnswerBody(answer, limits.totalBytes);
  try {
    if ((await body.format(listener.heard)) === 'events') return { headers, format: 'events', body };
    const text = await body.text();
    const content = parseJson(text, status, provider);
    return { headers, format: 'json', content, hasSurrogates: ESCAPED_SURROGATE.test(text) };
  } catch (error) {
    throw failureOf(error, signal);
  }
}

/** The reason of the caller's abort is kept. Any other error means that no answer came. */
function unreachable(provider: Provider, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof Fault) return error;
  return new Fault('provider_unreachable', `No answer came from ${provider.id} (${describe(error)}).`, {
    cause: error,
  });
}

/** The failure that an answer with an error reports. */
export async function refusal(
  protocol: Pick<WireProtocol, 'fault'>,
  answer: HttpAnswer,
  limits: Pick<AnswerLimits, 'errorBytes'>,
): Promise<Fault> {
  const text = await readBeginning(answer, limits.errorBytes);
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Proxies answer in HTML. The protocol then classifies by status.
  }
  const { status, headers } = answer;
  const fault = protocol.fault(status, body, headers);
  const id = headers.get('x-request-id') ?? headers.get('request-id');
  const isId = id !== null && REQUEST_ID.test(id);
  return fault.with({ reported: { ...fault.reported, status, ...(isId && { request_id: id }) } });
}

/** The ids of requests at OpenAI (`x-request-id`), at Anthropic (`request-id`) and at others like them. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** The JSON of a whole answer. Throws `provider_protocol_error` for other text. */
export function parseJson(text: string, status: number, provider: Provider): unknown {
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
