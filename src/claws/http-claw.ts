import { markedTools } from '../core/cache-marks.ts';
import type { Delta } from '../core/delta.ts';
import { callFailureOf, Fault } from '../core/errors.ts';
import { wellFormed } from '../core/well-formed.ts';
import { AnswerBody, type Chunk, formatOf, isKeepAlive, readBeginning, wholeText } from './answer-body.ts';
import type { Claw, Prompt, Provider, SseEvent, StreamReader, WireProtocol, WireRequest } from './claw.ts';
import type { Connect } from './connect.ts';
import { beginningOf, instructed, prefilled } from './continuation.ts';
import { shownFailure } from './shown-failure.ts';
import { type SseLimits, SseParser } from './sse-parser.ts';
import { lackedTools, toolTable } from './tools/table.ts';
import { type ProviderApi, type Translated, translateTools } from './tools/translate.ts';
import { WholePairs } from './whole-pairs.ts';

/** The part of `fetch` that claws use. It is injected, so that tests control the network. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

export interface HttpClawParts {
  provider: Provider;
  protocol: WireProtocol;
  fetch: Fetch;
  connect: Connect;
  /** Asked at each call, so that a new configuration holds at once. */
  limits(): AnswerLimits;
  /**
   * The text without secrets. It is applied to the provider's message for a failed call before callers, logs or
   * stored turns get it.
   */
  redact(text: string): string;
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
    probe: (signal) => parts.connect(provider.baseUrl, signal, { anew: true }),
    async *call(asked, signal, heard = () => {}) {
      const { prompt: wanted, restore } = translated(asked, api);
      const prompt = wanted.continues ? continued(wanted) : wanted;
      let stream: EventStream | undefined;
      try {
        const opened = await open(parts, prompt, { signal, heard });
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
          heard,
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

/**
 * In JSON, a lone surrogate is always an escape. A whole pair is an escape only if the writer escapes all
 * non-ASCII characters.
 */
const ESCAPED_SURROGATE = /\\ud[89a-f]/i;

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
  { signal, heard }: Pick<Streaming, 'signal' | 'heard'>,
): Promise<Opened> {
  const { protocol, provider } = parts;
  const limits = parts.limits();
  const response = await send(parts, protocol.request(prompt, provider), signal);
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
  const format = await unbroken(body.format(heard), signal);
  return format === 'events' ? { headers, format, body } : json(await unbroken(body.text(), signal));
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

/** What the reading of a stream needs. */
interface Streaming {
  body: AnswerBody;
  reader: StreamReader;
  restore: Translated['restore'];
  limits: SseLimits;
  signal: AbortSignal;
  heard(): void;
}

/** Reads one streamed answer. */
class EventStream {
  private readonly parser: SseParser;
  private readonly decoder = new TextDecoder();
  /** Made at the first event that has a surrogate as an escape: most streams have none. */
  private pairs: WholePairs | undefined;
  /** A failure that came in the same chunk as deltas: the deltas are read first. */
  private failure: unknown;
  private hasEnded = false;

  constructor(private readonly parts: Streaming) {
    this.parser = new SseParser(parts.limits);
  }

  /**
   * The next deltas, at least one; `undefined` at the end. Rejects with the failure that broke off the answer.
   */
  async next(): Promise<readonly Delta[] | undefined> {
    const { body } = this.parts;
    while (!this.hasEnded) {
      let burst: readonly Delta[];
      try {
        if (this.failure !== undefined) throw this.failure;
        burst = this.deltasIn(await body.read());
      } catch (error) {
        burst = this.lastAfter(error);
      }
      const finished = burst.length === 0 ? burst : this.finished(burst);
      if (finished.length > 0) return finished;
    }
    return undefined;
  }

  /** Closes the connection if the body was not read to its end. */
  close(): void {
    if (!this.hasEnded) this.parts.body.cancel();
  }

  private deltasIn({ done, value }: Chunk): Delta[] {
    if (done) {
      this.hasEnded = true;
      return this.parts.reader.end();
    }
    const { events, alive } = this.parser.push(this.decoder.decode(value, { stream: true }));
    if (alive) this.parts.heard();
    return this.deltasOf(events);
  }

  /** The last deltas of an answer that is whole in spite of a failure; throws the failure of any other one. */
  private lastAfter(error: unknown): Delta[] {
    const { reader, signal } = this.parts;
    const failure = failureOf(error, signal);
    const last = endOf(reader, failure);
    if (!last) throw failure;
    this.close();
    this.hasEnded = true;
    return last;
  }

  private deltasOf(events: SseEvent[]): Delta[] {
    const deltas: Delta[] = [];
    try {
      for (const event of events) {
        if (isKeepAlive(event)) continue;
        if (!this.pairs && ESCAPED_SURROGATE.test(event.data)) this.pairs = new WholePairs();
        for (const delta of this.parts.reader.push(event)) deltas.push(delta);
      }
    } catch (failure) {
      if (deltas.length === 0) throw failure;
      this.failure = failure;
    }
    return deltas;
  }

  /** The deltas as the turn sees them. */
  private finished(deltas: readonly Delta[]): readonly Delta[] {
    const restored = this.parts.restore(deltas);
    return this.pairs ? this.pairs.push(restored) : restored;
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
