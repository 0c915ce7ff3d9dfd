import type { Delta } from '../core/delta.ts';
import { callFailureOf, Fault } from '../core/errors.ts';
import { type AnswerBody, failureOf, isKeepAlive } from './answer-body.ts';
import type { SseEvent, StreamReader } from './claw.ts';
import type { Chunk } from './http/transport.ts';
import { WholePairs } from './whole-pairs.ts';

/**
 * In JSON, a lone surrogate is always an escape. A whole pair is an escape only if the writer escapes all
 * non-ASCII characters.
 */
export const ESCAPED_SURROGATE = /\\ud[89a-f]/i;

/** What the reading of a stream needs. */
export interface Streaming {
  body: AnswerBody;
  reader: StreamReader;
  /** The deltas of a burst in the caller's words. */
  restore(deltas: readonly Delta[]): readonly Delta[];
  limits: SseLimits;
  signal: AbortSignal;
  heard(): void;
  /** In milliseconds; for tests. */
  now?(): number;
}

/**
 * A provider whose stream breaks after a silence of this length was stuck, and is likely to be stuck again. In
 * milliseconds.
 */
const STUCK_MS = 10_000;

/** Reads one streamed answer. */
export class EventStream {
  private readonly parser: SseParser;
  private readonly decoder = new TextDecoder();
  /** Made at the first event that has a surrogate as an escape: most streams have none. */
  private pairs: WholePairs | undefined;
  /** A failure that came in the same chunk as deltas: the deltas are read first. */
  private failure: unknown;
  private hasEnded = false;

  private readonly now: () => number;
  private heardAt: number;

  constructor(private readonly parts: Streaming) {
    this.parser = new SseParser(parts.limits);
    this.now = parts.now ?? (() => performance.now());
    this.heardAt = this.now();
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
    if (alive) this.hear();
    return this.deltasOf(events);
  }

  /** The last deltas of an answer that is whole in spite of a failure; throws the failure of any other one. */
  private lastAfter(error: unknown): Delta[] {
    const { reader, signal } = this.parts;
    const failure = failureOf(error, signal);
    const last = endOf(reader, failure);
    if (!last) throw this.stuck(failure);
    this.close();
    this.hasEnded = true;
    return last;
  }

  private hear(): void {
    this.heardAt = this.now();
    this.parts.heard();
  }

  private stuck(failure: unknown): unknown {
    const silentMs = Math.round(this.now() - this.heardAt);
    if (silentMs < STUCK_MS || callFailureOf(failure)?.lasts !== 'moment') return failure;
    const message = `The provider sent nothing for ${silentMs} ms, and then the stream broke.`;
    return new Fault('provider_timeout', message, { cause: failure });
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

/** In characters. */
export interface SseLimits {
  /** The longest line. */
  lineChars: number;
  /** The most `data` of one event, over all its lines. */
  eventChars: number;
}

/** What a part of a stream brought. */
export interface SseBurst {
  events: SseEvent[];
  /**
   * A sign of life: a line ended, if only that of a comment. A part of a line is none, because a sender that
   * never ends its line sends nothing that can be read.
   */
  alive: boolean;
}

const UNLIMITED: SseLimits = { lineChars: Number.POSITIVE_INFINITY, eventChars: Number.POSITIVE_INFINITY };

/**
 * Splits a stream of text into server-sent events (WHATWG HTML, section 9.2.6): lines end in LF, CRLF or
 * CR, several `data` lines are joined by LF, comments and unknown fields are ignored. An event is returned
 * only after its blank line, as the specification says: the end of the stream does not complete it.
 *
 * Each character is looked at once, however the stream is cut into chunks. `push` throws
 * `provider_protocol_error` where a limit is passed; the stream cannot be read any further then.
 */
export class SseParser {
  /** The chunks of the line that has not ended. */
  private parts: string[] = [];
  private partChars = 0;
  /** The chunk before ended in CR: an LF at the beginning of the next one belongs to the same line end. */
  private afterCr = false;
  private event: string | undefined;
  private data: string[] = [];
  private dataChars = 0;

  constructor(private readonly limits: SseLimits = UNLIMITED) {}

  push(chunk: string): SseBurst {
    const burst: SseBurst = { events: [], alive: false };
    if (chunk === '') return burst;
    let from = this.afterCr && chunk.startsWith('\n') ? 1 : 0;
    this.afterCr = chunk.endsWith('\r');
    let lf = from - 1;
    let cr = from - 1;
    for (;;) {
      // Each search goes on where the last one ended, so a chunk without one of the two is searched once for it.
      if (lf < from) lf = indexOrEnd(chunk, '\n', from);
      if (cr < from) cr = indexOrEnd(chunk, '\r', from);
      const end = Math.min(lf, cr);
      if (end === chunk.length) break;
      this.line(this.completed(chunk.slice(from, end)), burst.events);
      burst.alive = true;
      from = end === cr && lf === cr + 1 ? lf + 1 : end + 1;
    }
    if (from < chunk.length) this.keep(from === 0 ? chunk : chunk.slice(from));
    return burst;
  }

  private keep(part: string): void {
    this.checkLine(part);
    this.parts.push(part);
    this.partChars += part.length;
  }

  private completed(last: string): string {
    this.checkLine(last);
    if (this.parts.length === 0) return last;
    this.parts.push(last);
    const line = this.parts.join('');
    this.parts = [];
    this.partChars = 0;
    return line;
  }

  private checkLine(next: string): void {
    const { lineChars } = this.limits;
    if (this.partChars + next.length > lineChars) throw tooLong('A line', lineChars, 'line_chars');
  }

  private line(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.data.length > 0) this.endEvent(events);
      this.event = undefined;
    } else if (line.startsWith('data:')) {
      this.addData(line.slice(line[5] === ' ' ? 6 : 5));
    } else if (line.startsWith('event:')) {
      this.event = line.slice(line[6] === ' ' ? 7 : 6);
    }
  }

  private endEvent(events: SseEvent[]): void {
    const [first] = this.data;
    events.push({ event: this.event, data: this.data.length === 1 ? first! : this.data.join('\n') });
    this.data.length = 0;
    this.dataChars = 0;
  }

  private addData(value: string): void {
    const { eventChars } = this.limits;
    // The line break between two lines counts, so that empty lines are limited, too.
    this.dataChars += value.length + 1;
    if (this.dataChars > eventChars + 1) throw tooLong('An event', eventChars, 'event_chars');
    this.data.push(value);
  }
}

function indexOrEnd(text: string, character: string, from: number): number {
  const index = text.indexOf(character, from);
  return index === -1 ? text.length : index;
}

function tooLong(what: string, limit: number, setting: string): Fault {
  return new Fault(
    'provider_protocol_error',
    `${what} of the provider's stream is longer than ${limit} characters (\`answers.${setting}\`).`,
  );
}
