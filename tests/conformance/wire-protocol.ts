import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SseEvent, WireProtocol } from '../../src/claws/claw.ts';
import type { Delta } from '../../src/core/delta.ts';
import { type Folded, foldAll } from '../../src/core/fold.ts';
import type { Prompt } from '../../src/core/prompt.ts';

/** Recorded traffic of real providers. Without the folder, the replays are skipped. */
export const TRAFFIC =
  process.env.CLAWHOLD_TRAFFIC ?? join(import.meta.dir, '../../../shared/data/provider-traffic');

export interface Recording {
  /** `provider/file`, without endings. */
  name: string;
  /** The body of a whole answer. */
  whole?: unknown;
  /** The payloads of a streamed answer, in order. */
  events?: string[];
}

/** All recordings of some providers whose file names match. */
export function recordings(providers: string[], matches: RegExp): Recording[] {
  const found = new Map<string, Recording>();
  for (const provider of providers) {
    const folder = join(TRAFFIC, provider);
    if (!existsSync(folder)) continue;
    for (const file of readdirSync(folder)) {
      if (!matches.test(file)) continue;
      const name = `${provider}/${file.replace(/\.(json|chunks\.txt)$/, '')}`;
      const recording = found.get(name) ?? { name };
      const text = readFileSync(join(folder, file), 'utf8');
      if (file.endsWith('.chunks.txt'))
        recording.events = text.split('\n').filter((line) => line.trim() !== '');
      else if (file.endsWith('.json')) recording.whole = JSON.parse(text);
      found.set(name, recording);
    }
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

export function promptFor(protocol: WireProtocol, stream: boolean): Prompt {
  return { model: 'recorded', items: [], settings: {}, stream, dialect: protocol.name, extra: {} };
}

/**
 * Runs a recorded stream through the protocol's reader. `toEvent` adds the event names that the transport reads.
 */
export function readStream(
  protocol: WireProtocol,
  events: string[],
  toEvent: (payload: string) => SseEvent = (data) => ({ data }),
): Delta[] {
  const reader = protocol.reader(promptFor(protocol, true));
  return [...events.flatMap((payload) => reader.push(toEvent(payload))), ...reader.end()];
}

/** Asserts the guarantees of `Delta` for a whole answer. */
export function expectWellFormed(deltas: Delta[]): void {
  expect(deltas[0]?.type).toBe('start');
  expect(deltas.filter((delta) => delta.type === 'start')).toHaveLength(1);
  const open = new Set<number>();
  let next = 0;
  for (const delta of deltas) {
    if (!('index' in delta)) continue;
    if ('item' in delta) expect(delta.item?.id).toBeUndefined();
    if (delta.type === 'item-start') {
      expect(delta.index).toBe(next++);
      open.add(delta.index);
      continue;
    }
    expect(open.has(delta.index)).toBe(true);
    if (delta.type === 'item-end') open.delete(delta.index);
  }
  expect([...open]).toEqual([]);
  expect(deltas.some((delta) => delta.type === 'finish')).toBe(true);
}

type Leaf = { path: string; value: string | number };

function leavesOf(value: unknown, path = ''): Leaf[] {
  if (typeof value === 'string' || typeof value === 'number') return [{ path, value }];
  if (Array.isArray(value)) return value.flatMap((entry, i) => leavesOf(entry, `${path}[${i}]`));
  if (value && typeof value === 'object') {
    return Object.entries(value).flatMap(([key, entry]) => leavesOf(entry, path ? `${path}.${key}` : key));
  }
  return [];
}

/** The leaves of a provider's answer whose value is not in the translated answer. */
export function lostLeaves(raw: unknown, kept: unknown, structural: RegExp): string[] {
  const leaves = leavesOf(kept);
  const texts = leaves.flatMap((leaf) => (typeof leaf.value === 'string' ? [leaf.value] : []));
  const numbers = new Set(leaves.flatMap((leaf) => (typeof leaf.value === 'number' ? [leaf.value] : [])));
  const held = (value: string | number): boolean => {
    if (typeof value === 'number') {
      return numbers.has(value) || texts.some((text) => text.includes(String(value)));
    }
    const escaped = JSON.stringify(value).slice(1, -1);
    return texts.some((text) => text.includes(value) || text.includes(escaped));
  };
  return leavesOf(raw)
    .filter((leaf) => !structural.test(leaf.path) && leaf.value !== '' && !held(leaf.value))
    .map((leaf) => `${leaf.path} = ${JSON.stringify(leaf.value)}`);
}

/** The fold without its count of streamed content: a stream may send an item whole, at its end. */
function amount(deltas: Delta[]): Omit<Folded, 'textLength'> {
  const { textLength: _, ...rest } = foldAll(deltas);
  return rest;
}

export interface WireProtocolCase {
  protocol: WireProtocol;
  recordings: Recording[];
  /** Builds the whole body that is equal to a recorded stream. Written for the test, without the reader. */
  reassemble: (events: unknown[]) => unknown;
  /** Leaves that are structure and not content (discriminators, counters), by path. */
  structural: RegExp;
  toEvent?: (payload: string) => SseEvent;
}

/**
 * The suite of every wire protocol: recorded answers lose nothing, and a stream gives the same as the whole
 * answer.
 */
export function wireProtocolConformance(suite: WireProtocolCase): void {
  const { protocol } = suite;
  describe(`${protocol.name}: recorded traffic`, () => {
    if (suite.recordings.length === 0) {
      test.skip('skipped: the recorded traffic is not on this machine (CLAWHOLD_TRAFFIC)', () => {});
    }
    for (const recording of suite.recordings) {
      if (recording.whole !== undefined) {
        test(`${recording.name}: the whole answer loses nothing`, () => {
          const deltas = protocol.answer(recording.whole, promptFor(protocol, false));
          expectWellFormed(deltas);
          expect(lostLeaves(recording.whole, foldAll(deltas), suite.structural)).toEqual([]);
        });
      }
      if (recording.events) {
        const events = recording.events;
        test(`${recording.name}: the folded stream equals the whole answer`, () => {
          const whole = suite.reassemble(events.filter((e) => e !== '[DONE]').map((e) => JSON.parse(e)));
          const deltas = readStream(protocol, events, suite.toEvent);
          expectWellFormed(deltas);
          expect(lostLeaves(whole, foldAll(deltas), suite.structural)).toEqual([]);
          expect(amount(deltas)).toEqual(amount(protocol.answer(whole, promptFor(protocol, false))));
        });
      }
    }
  });
}
