import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { bodyScan } from '../../bench/body-scan.ts';
import { durability } from '../../bench/durability.ts';
import { durable } from '../../bench/durable.ts';
import { largeBodies } from '../../bench/large-bodies.ts';
import { longSession } from '../../bench/long-session.ts';
import { openStreams } from '../../bench/open-streams.ts';
import { type LoadGenerator, type Server, startLoad, startSimulator } from '../../bench/processes.ts';
import { table, verdict } from '../../bench/report.ts';
import { restart } from '../../bench/restart.ts';
import { routing } from '../../bench/routing.ts';
import type { Effort, Row } from '../../bench/row.ts';
import { stateless } from '../../bench/stateless.ts';
import { quantile, spread } from '../../bench/statistics.ts';
import { storedBytes } from '../../bench/stored-bytes.ts';
import { streamed } from '../../bench/streamed.ts';

/** Checks that the benchmarks run. It does not judge their results. */

const TINY: Effort = {
  rounds: 1,
  ms: 200,
  warmUpMs: 50,
  seededSessions: 200,
  leftTurns: 20,
  longSession: 30,
  turnsPerRound: 3,
  openStreams: 5,
  streamSeconds: 1,
  settleMs: 1,
  bodyBytes: 100_000,
  restMs: 1,
  storedTurns: 20,
};

let simulator: Server;
let load: LoadGenerator;

beforeAll(async () => {
  simulator = await startSimulator();
  load = startLoad();
});

afterAll(async () => {
  await load.stop();
  await simulator.stop();
});

const measure = (row: Row) => row.measure({ effort: TINY, simulator, load, peers: false, say() {} });

describe('every benchmark returns figures', () => {
  const rows = [
    stateless,
    streamed,
    durable,
    longSession,
    restart,
    storedBytes,
    openStreams,
    durability,
    bodyScan,
    routing,
    largeBodies,
  ];
  for (const row of rows) {
    test(row.title, async () => {
      const { figures } = await measure(row);
      expect(figures.length).toBeGreaterThan(0);
      for (const { what, value } of figures) {
        const middle = typeof value === 'number' ? value : value.median;
        expect(middle, what).toBeFinite();
        // The few turns of a test may fit into the pages of an empty survey.
        if (what.startsWith('Of it the survey')) expect(middle, what).toBeGreaterThanOrEqual(0);
        // An added latency can be lost in noise and be negative. All other figures are positive.
        else if (!what.startsWith('Added')) expect(middle, what).toBeGreaterThan(0);
      }
    }, 60_000);
  }
});

test('a job with failed requests returns no figure', async () => {
  const job = { port: simulator.port, path: '/v1/chat/completions', headers: {}, body: '{}' };
  const run = load.run({ ...job, load: { kind: 'count', concurrency: 1, requests: 1 } });
  expect(run).rejects.toThrow('1 of 1 requests failed: 401');
  await run.catch(() => {});
});

test('reads a stream to its last event and times the first token', async () => {
  const outcome = await load.run({
    port: simulator.port,
    path: '/v1/chat/completions',
    headers: { authorization: 'Bearer x' },
    body: JSON.stringify({
      model: 'say-7+pace-0',
      messages: [{ role: 'user', content: 'Go.' }],
      stream: true,
    }),
    firstToken: 'word1',
    load: { kind: 'count', concurrency: 2, requests: 4 },
  });
  // Nine events: the role, seven words, the finish reason.
  expect(outcome.events).toBe(4 * 9);
  expect(outcome.firstTokens).toHaveLength(4);
});

test('a spread has the median, the lowest and the highest value', () => {
  expect(spread([5, 1, 3])).toEqual({ median: 3, low: 1, high: 5 });
  expect(spread([4, 2])).toEqual({ median: 3, low: 2, high: 4 });
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(3);
});

test('a verdict states by how much a budget is met or missed', () => {
  expect(verdict(2, { limit: 4, is: 'at most' })).toBe('yes, 50 % to spare');
  expect(verdict(6, { limit: 4, is: 'at most' })).toBe('no, 50 % over');
  expect(verdict(2_000, { limit: 4_000, is: 'at least' })).toBe('no, 50 % short');
});

test('the table shows a figure with its budget', () => {
  const figure = { what: 'Bytes', value: 1.5, unit: '×', budget: { limit: 1.3, is: 'at most' } } as const;
  const text = table([{ row: storedBytes, result: { figures: [figure], notes: [] } }]);
  expect(text).toContain('| f   | Bytes | 1.50 ×   |');
  expect(text).toContain('≤ 1.3 ×');
});
