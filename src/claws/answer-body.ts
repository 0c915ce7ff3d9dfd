import { Fault } from '../core/errors.ts';
import type { SseEvent } from './claw.ts';
import { decoded } from './content-encoding.ts';
import type { AnswerChunks, Chunk, HttpAnswer } from './http/transport.ts';

/** How an answer is written. */
type BodyFormat = 'events' | 'json';

/**
 * The body of an answer, after its decompression. Its first bytes say how it is written: servers send events
 * as `text/plain` or without a type, and events to a request for JSON. Every method that reads throws
 * `answer_too_large` where the body passes `limit` bytes.
 */
export class AnswerBody {
  private readonly chunks: AnswerChunks;
  private readonly declaresEvents: boolean;
  /** Chunks that `format` has read. */
  private readonly beginning: Chunk[] = [];
  private size = 0;

  /** Throws `provider_protocol_error` for an unknown content encoding. */
  constructor(
    answer: HttpAnswer,
    private readonly limit: number,
  ) {
    // The headers are not kept: a stream may last for long.
    this.declaresEvents = /^\s*text\/event-stream\b/i.test(answer.headers.get('content-type') ?? '');
    const coding = answer.headers.get('content-encoding');
    try {
      this.chunks = coding === null ? answer.chunks : decoded(answer.chunks, coding);
    } catch (failure) {
      answer.chunks.cancel();
      throw failure;
    }
  }

  /** Waits for the first bytes that are not white space. `heard` is called for each chunk. */
  async format(heard: () => void): Promise<BodyFormat> {
    let text = '';
    for (;;) {
      const chunk = await this.next();
      this.beginning.push(chunk);
      if (chunk.done) return this.declaredFormat();
      heard();
      // Mostly, the first characters say it, and the chunk need not be copied.
      const start = latin1(chunk.value, LONGEST_FIELD + 1);
      text = formatOf(text + start) ? text + start : (text + latin1(chunk.value)).replace(BLANK_START, '');
      const format = formatOf(text);
      if (format) return format;
      if (text.length > LONGEST_FIELD) return this.declaredFormat();
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
      if (done) return textOf(chunks);
      chunks.push(value);
    }
  }

  /** Frees the connection. */
  cancel(): void {
    this.chunks.cancel();
  }

  private next(): Chunk | Promise<Chunk> {
    const chunk = this.chunks.read();
    return chunk instanceof Promise ? chunk.then(this.counted) : this.counted(chunk);
  }

  private readonly counted = (chunk: Chunk): Chunk => {
    if (chunk.done) return chunk;
    this.size += chunk.value.byteLength;
    if (this.size <= this.limit) return chunk;
    this.cancel();
    const message = `The answer has more than ${this.limit} bytes (\`answers.total_bytes\`).`;
    throw new Fault('answer_too_large', message);
  };

  private declaredFormat(): BodyFormat {
    return this.declaresEvents ? 'events' : 'json';
  }
}

const UTF8 = new TextDecoder();

const textOf = (chunks: readonly Uint8Array[]): string =>
  UTF8.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));

/** In Latin-1 each byte is one character, so that a chunk may end inside a character. */
const latin1 = ({ buffer, byteOffset, byteLength }: Uint8Array, most = byteLength): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1', 0, most);

/** The first `limit` bytes of a body as text, or what came before the connection broke. Never rejects. */
export async function readBeginning(answer: HttpAnswer, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  try {
    const body = new AnswerBody(answer, Number.POSITIVE_INFINITY);
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
  return UTF8.decode(Buffer.concat(chunks).subarray(0, limit));
}

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
