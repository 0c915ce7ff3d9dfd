import { describe, expect, test } from 'bun:test';
import { SseParser } from '../../../src/claws/event-stream.ts';

const eventsOf = (chunks: string[]) => {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.push(chunk).events);
};

describe('server-sent events', () => {
  const stream =
    'event: a\r\ndata: 1\r\ndata: 2\r\n\r\n: ping\n\ndata:3\r\rdata: x\ry: z\n\ndata\n\ndata: \n\n';
  const events = [
    { event: 'a', data: '1\n2' },
    { event: undefined, data: '3' },
    { event: undefined, data: 'x' },
    { event: undefined, data: '' },
  ];

  test('lines end in LF, CRLF or CR', () => expect(eventsOf([stream])).toEqual(events));

  test('chunks may end at any character', () => {
    expect(eventsOf([...stream])).toEqual(events);
    for (let cut = 0; cut <= stream.length; cut++) {
      expect(eventsOf([stream.slice(0, cut), '', stream.slice(cut)])).toEqual(events);
    }
  });

  test('the end of the stream does not complete an event', () =>
    expect(eventsOf(['data: 1\n\ndata: 2\n'])).toEqual([{ event: undefined, data: '1' }]));

  test('a comment is a sign of life without an event; a part of a line is none', () => {
    const parser = new SseParser();
    expect(parser.push(': ping\n')).toEqual({ events: [], alive: true });
    expect(parser.push('data: 1')).toEqual({ events: [], alive: false });
    expect(parser.push('\n')).toEqual({ events: [], alive: true });
    expect(parser.push('\n').events).toHaveLength(1);
  });
});

describe('limits of a stream', () => {
  const limited = () => new SseParser({ lineChars: 100, eventChars: 200 });
  const refusal = (setting: string) =>
    expect.objectContaining({ code: 'provider_protocol_error', message: expect.stringContaining(setting) });
  const failureOf = (chunks: string[]): unknown => {
    const parser = limited();
    try {
      for (const chunk of chunks) parser.push(chunk);
    } catch (failure) {
      return failure;
    }
    return undefined;
  };
  const line = (length: number) => `data: ${'x'.repeat(length - 6)}`;

  test('a line of the longest length is read; a longer one is not, before its end came', () => {
    expect(failureOf([`${line(100)}\n\n`])).toBeUndefined();
    expect(failureOf([...line(100)])).toBeUndefined();
    expect(failureOf([`${line(101)}\n\n`])).toEqual(refusal('answers.line_chars'));
    expect(failureOf([...line(101)])).toEqual(refusal('answers.line_chars'));
  });

  test('so is a comment', () => expect(failureOf([`:${'x'.repeat(100)}`])).toEqual(refusal('line_chars')));

  test('the data of an event is limited over its lines, empty ones included', () => {
    const half = `${line(100)}\n`;
    expect(failureOf([half, half, '\n'])).toBeUndefined();
    expect(failureOf([half, half, half])).toEqual(refusal('answers.event_chars'));
    expect(failureOf(['data:\n'.repeat(202)])).toEqual(refusal('answers.event_chars'));
    expect(failureOf([`${half}\n`.repeat(50)])).toBeUndefined();
  });
});

/** What the machine needs to look at a text once differs, so two sizes are compared: ×8 may cost ×24 at most. */
describe('parsing is linear', () => {
  const millisecondsFor = (chunks: () => Iterable<string>): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 3; round++) {
      const parser = new SseParser();
      const from = performance.now();
      for (const chunk of chunks()) parser.push(chunk);
      best = Math.min(best, performance.now() - from);
    }
    return best;
  };
  const shapes: [string, (size: number) => Iterable<string>][] = [
    ['a line without an end, in many chunks', (size) => repeated('x'.repeat(64), size / 64)],
    ['a chunk of many lines', (size) => [': x\n'.repeat(size / 4)]],
    ['a chunk of many lines that end in CR', (size) => [': x\r'.repeat(size / 4)]],
    ['an event of many lines', (size) => repeated('data: x\n', size / 8)],
  ];
  for (const [name, chunks] of shapes) {
    test(name, () => {
      const small = millisecondsFor(() => chunks(1 << 20));
      const large = millisecondsFor(() => chunks(8 << 20));
      expect(large).toBeLessThan(24 * small + 20);
    });
  }
});

function* repeated(chunk: string, times: number): Generator<string> {
  for (let i = 0; i < times; i++) yield chunk;
}
