import type { SseEvent } from './claw.ts';

/** How an answer is written. */
export type BodyFormat = 'events' | 'json';

type Chunk = { done: boolean; value?: Uint8Array };

/**
 * The body of an answer. Its first bytes say how it is written: servers send events as `text/plain` or
 * without a type, and events to a request for JSON.
 */
export class AnswerBody {
  private readonly reader;
  /** Chunks that `format` has read. */
  private readonly beginning: Chunk[] = [];

  constructor(private readonly response: Response) {
    this.reader = response.body?.getReader();
  }

  /** Waits for the first bytes that are not white space. `heard` is called for each chunk. */
  async format(heard: () => void): Promise<BodyFormat> {
    let text = '';
    for (;;) {
      const format = formatOf(text);
      if (format) return format;
      const chunk: Chunk = (await this.reader?.read()) ?? { done: true };
      this.beginning.push(chunk);
      if (chunk.done) return this.declaredFormat();
      heard();
      // In Latin-1 each byte is one character, so that a chunk may end inside a character.
      text = (text + Buffer.from(chunk.value!).toString('latin1')).replace(BLANK_START, '');
      if (text.length > LONGEST_FIELD && !formatOf(text)) return this.declaredFormat();
    }
  }

  read(): Chunk | Promise<Chunk> {
    return this.beginning.shift() ?? this.reader?.read() ?? { done: true };
  }

  /** The whole text. */
  async text(): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const { done, value } = await this.read();
      if (done) return text + decoder.decode();
      text += decoder.decode(value, { stream: true });
    }
  }

  /** Frees the connection. */
  cancel(): void {
    this.reader?.cancel().catch(() => {});
  }

  private declaredFormat(): BodyFormat {
    const type = this.response.headers.get('content-type') ?? '';
    return /^\s*text\/event-stream\b/i.test(type) ? 'events' : 'json';
  }
}

/** A byte order mark in UTF-8, and white space. */
const BLANK_START = /^(\xef\xbb\xbf)?\s*/;

/** The length of `event:` and `retry:`, the longest beginnings of a line (WHATWG HTML, section 9.2.6). */
const LONGEST_FIELD = 6;

/** Undefined where the beginning of a text does not say it. */
function formatOf(text: string): BodyFormat | undefined {
  if (/^[[{]/.test(text)) return 'json';
  return /^(:|(data|event|id|retry)[:\r\n])/.test(text) ? 'events' : undefined;
}

/**
 * Whether an event only shows that the provider is alive: Anthropic's `ping`, OpenAI's `keepalive`, and
 * the empty objects that proxies send.
 */
export function isKeepAlive({ event, data }: SseEvent): boolean {
  return event === 'ping' || (data.length < LONGEST_KEEP_ALIVE && KEEP_ALIVE.test(data));
}

const LONGEST_KEEP_ALIVE = 200;
const KEEP_ALIVE = /^\s*(null|\{\s*\}|\{[^{}[\]]*"type"\s*:\s*"(ping|keepalive)"[^{}[\]]*\})?\s*$/;
