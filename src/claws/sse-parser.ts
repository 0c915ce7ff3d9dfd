import { Fault } from '../core/errors.ts';
import type { SseEvent } from './claw.ts';

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
