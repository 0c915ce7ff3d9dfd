import { Fault } from '../core/errors.ts';
import type { SseEvent } from './claw.ts';
import { decoded } from './content-encoding.ts';

/** How an answer is written. */
export type BodyFormat = 'events' | 'json';

export type Chunk = IteratorResult<Uint8Array, undefined>;

/**
 * The body of an answer, after its decompression. Its first bytes say how it is written: servers send events
 * as `text/plain` or without a type, and events to a request for JSON. Every method that reads throws
 * `answer_too_large` where the body passes `limit` bytes.
 */
export class AnswerBody {
  private readonly chunks: AsyncIterator<Uint8Array, undefined>;
  /** Chunks that `format` has read. */
  private readonly beginning: Chunk[] = [];
  private size = 0;

  /** Throws `provider_protocol_error` for an unknown content encoding. */
  constructor(
    private readonly response: Response,
    private readonly limit: number,
  ) {
    const body = received(response);
    const coding = response.headers.get('content-encoding');
    try {
      this.chunks = coding === null ? body : decoded(body, coding)[Symbol.asyncIterator]();
    } catch (failure) {
      void body.return();
      throw failure;
    }
  }

  /** Waits for the first bytes that are not white space. `heard` is called for each chunk. */
  async format(heard: () => void): Promise<BodyFormat> {
    let text = '';
    for (;;) {
      const format = formatOf(text);
      if (format) return format;
      const chunk = await this.next();
      this.beginning.push(chunk);
      if (chunk.done) return this.declaredFormat();
      heard();
      // In Latin-1 each byte is one character, so that a chunk may end inside a character.
      text = (text + Buffer.from(chunk.value).toString('latin1')).replace(BLANK_START, '');
      if (text.length > LONGEST_FIELD && !formatOf(text)) return this.declaredFormat();
    }
  }

  read(): Chunk | Promise<Chunk> {
    return this.beginning.shift() ?? this.next();
  }

  /** The whole text. */
  async text(): Promise<string> {
    const chunks: Uint8Array[] = [];
    for (;;) {
      const { done, value } = await this.read();
      if (done) return new TextDecoder().decode(Buffer.concat(chunks));
      chunks.push(value);
    }
  }

  /** Frees the connection. Otherwise Bun keeps the socket of an unread body. */
  cancel(): void {
    this.chunks.return?.().catch(() => {});
  }

  private async next(): Promise<Chunk> {
    const chunk = await this.chunks.next();
    if (chunk.done) return chunk;
    this.size += chunk.value.byteLength;
    if (this.size <= this.limit) return chunk;
    this.cancel();
    const message = `The answer has more than ${this.limit} bytes (\`answers.total_bytes\`).`;
    throw new Fault('answer_too_large', message);
  }

  private declaredFormat(): BodyFormat {
    const type = this.response.headers.get('content-type') ?? '';
    return /^\s*text\/event-stream\b/i.test(type) ? 'events' : 'json';
  }
}

/**
 * The text of a body whose size is known and within `limit`. It is read at once, which costs much less than its
 * chunks. `undefined` for any other body.
 */
export function wholeText(response: Response, limit: number): Promise<string | undefined> {
  const { headers } = response;
  const size = headers.get('content-length');
  const isKnown = size !== null && Number(size) <= limit && !headers.has('content-encoding');
  return isKnown ? response.text() : Promise.resolve(undefined);
}

/** The first `limit` bytes of a body as text, or what came before the connection broke. Never rejects. */
export async function readBeginning(response: Response, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  try {
    const body = new AnswerBody(response, Number.POSITIVE_INFINITY);
    for (let size = 0; size < limit; ) {
      const { done, value } = await body.read();
      if (done) break;
      chunks.push(value);
      size += value.byteLength;
    }
    body.cancel();
  } catch {
    // The beginning is enough.
  }
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, limit));
}

/** The chunks of a body as they come. Returning early frees the connection. */
function received({ body }: Response): Received {
  const reader = body?.getReader();
  return {
    next: () => (reader ? (reader.read() as Promise<Chunk>) : Promise.resolve(END)),
    async return() {
      await reader?.cancel().catch(() => {});
      return END;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

interface Received extends AsyncIterableIterator<Uint8Array, undefined> {
  return(): Promise<Chunk>;
}

const END: Chunk = { done: true, value: undefined };

/** A byte order mark in UTF-8, and white space. */
const BLANK_START = /^(\xef\xbb\xbf)?\s*/;

/** The length of `event:` and `retry:`, the longest beginnings of a line (WHATWG HTML, section 9.2.6). */
const LONGEST_FIELD = 6;

/** Undefined where the beginning of a text does not say it. */
export function formatOf(text: string): BodyFormat | undefined {
  if (/^[[{]/.test(text)) return 'json';
  return /^(:|(data|event|id|retry)[:\r\n])/.test(text) ? 'events' : undefined;
}

/**
 * Whether an event only shows that the provider is alive: Anthropic's `ping`, OpenAI's `keepalive`, and
 * the empty objects that proxies send.
 */
export function isKeepAlive({ event, data }: SseEvent): boolean {
  if (event === 'ping') return true;
  // Most events are neither empty nor have one of these words: the expression costs much more than this look.
  const mayBe = data.length <= LONGEST_EMPTY || data.includes('"ping"') || data.includes('"keepalive"');
  return mayBe && data.length < LONGEST_KEEP_ALIVE && KEEP_ALIVE.test(data);
}

const LONGEST_EMPTY = 16;
const LONGEST_KEEP_ALIVE = 200;
const KEEP_ALIVE = /^\s*(null|\{\s*\}|\{[^{}[\]]*"type"\s*:\s*"(ping|keepalive)"[^{}[\]]*\})?\s*$/;

/** What ended the reading of an answer. The reason of the caller's abort comes first. */
export function failureOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  return error instanceof Fault ? error : interrupted(error);
}

function interrupted(error: unknown): Fault {
  const message = `The connection to the provider broke during the answer (${describe(error)}).`;
  return new Fault('stream_interrupted', message, { cause: error });
}

/** What is known of an error of the network: its code, or its name. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown failure';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
