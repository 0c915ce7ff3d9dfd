import { checkShape } from '../src/http/v1/body-shape.ts';
import type { Bench, Figure, Row, RowResult } from './row.ts';
import { spread } from './statistics.ts';

/** Bytes of the bodies: a question, a conversation, an agent's request. */
const SIZES = [2_000, 10_000, 100_000];
const LIMIT = 1.5;

export const bodyScan: Row = {
  key: 'i',
  title: 'The scan of request bodies before they are parsed',
  async measure({ effort }: Bench): Promise<RowResult> {
    const figures = SIZES.map((size) => figure(size, effort.rounds, effort.ms / SIZES.length / 2));
    return {
      figures: figures.flat(),
      notes: [
        'Half of each body is messages, half is tool definitions. Measured in one process, without HTTP.',
      ],
    };
  },
};

function figure(size: number, rounds: number, ms: number): Figure[] {
  const body = bodyOf(size);
  const measure = (work: () => unknown): number[] => {
    microsPerRun(work, ms / 4);
    return Array.from({ length: rounds }, () => microsPerRun(work, ms) / (body.length / 1000));
  };
  const name = `${size / 1000} kB`;
  return [
    {
      what: `Scan of a body of ${name}, per kB`,
      value: spread(measure(() => checkShape(body))),
      unit: 'µs',
      budget: { limit: LIMIT, is: 'at most' },
    },
    { what: `JSON.parse of it, per kB`, value: spread(measure(() => JSON.parse(body))), unit: 'µs' },
  ];
}

function microsPerRun(work: () => unknown, ms: number): number {
  const startedAt = performance.now();
  let runs = 0;
  while (performance.now() - startedAt < ms) {
    for (let i = 0; i < 10; i++) work();
    runs += 10;
  }
  return ((performance.now() - startedAt) * 1000) / runs;
}

function bodyOf(size: number): string {
  const messages: unknown[] = [];
  const tools: unknown[] = [];
  for (let length = 0; length < size; ) {
    messages.push({ role: 'user', content: `Please read this "file":\n${'some words of text '.repeat(12)}` });
    tools.push({
      type: 'function',
      function: { name: `tool_${tools.length}`, parameters: { type: 'object', properties: { path: {} } } },
    });
    length = JSON.stringify({ messages, tools }).length;
  }
  return JSON.stringify({ model: 'openai/gpt-5-mini', messages, tools });
}
