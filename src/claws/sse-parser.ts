import type { SseEvent } from './claw.ts';

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
