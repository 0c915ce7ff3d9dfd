import { expect, test } from 'bun:test';
import { reloader } from '../../src/composition/reload.ts';
import { type Config, toConfig } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { fileSchema } from '../../src/config/schema.ts';
import type { GatewayEvent } from '../../src/core/events.ts';

const configOf = (settings: unknown): Config => toConfig(fileSchema.parse(settings), '/srv');

test('reloads run one after the other, share what waits, and the newest configuration wins', async () => {
  let file: unknown = { limits: { socket_ms: 1 } };
  let loads = 0;
  let running = 0;
  const applied: number[] = [];
  const reload = reloader({
    started: configOf({}),
    load: async () => {
      loads++;
      const read = file;
      await Bun.sleep(5);
      return configOf(read);
    },
    apply: async ({ limits }) => {
      expect(++running).toBe(1);
      await Bun.sleep(5);
      running--;
      applied.push(limits.socketMs);
    },
    emit: () => {},
  });
  const first = reload();
  await Bun.sleep(1);
  file = { limits: { socket_ms: 2 } };
  const others = Array.from({ length: 20 }, () => reload());
  expect(await first).toMatchObject({ state: 'applied', changed: ['limits.socket_ms'] });
  expect(new Set(await Promise.all(others)).size).toBe(1);
  expect(applied).toEqual([1, 2]);
  expect(loads).toBe(2);
  expect(await reload()).toEqual({ state: 'applied', changed: [], restart: [] });
});

test('mistakes and failures change nothing, and the next reload works', async () => {
  const outcomes = [
    () => Promise.reject(new ConfigError([{ where: 'clawhold.yaml:3', message: 'port: wrong' }])),
    () => Promise.reject(new Error('the disk failed')),
    () => Promise.resolve(configOf({ port: 1, limits: { socket_ms: 9 } })),
  ];
  const events: GatewayEvent[] = [];
  let applied = 0;
  const reload = reloader({
    started: configOf({}),
    load: () => outcomes.shift()!(),
    apply: async () => {
      applied++;
    },
    emit: (event) => events.push(event),
  });
  expect(await reload()).toEqual({ state: 'rejected', problems: ['clawhold.yaml:3: port: wrong'] });
  expect(reload()).rejects.toThrow('the disk failed');
  expect(await reload()).toEqual({ state: 'applied', changed: ['limits.socket_ms'], restart: ['port'] });
  expect(applied).toBe(1);
  expect(events.map(({ type }) => type)).toEqual(['configuration-read', 'configuration-read']);
});
