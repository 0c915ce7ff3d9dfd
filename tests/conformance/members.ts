import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { MemberRegistry, Members } from '../../src/session/members.ts';

/** What every `Members` does. `join` makes a new process join; the suite lets it leave. */
export function membersConformance(name: string, join: () => Promise<Members>): void {
  describe(`${name}: members`, () => {
    let members: Members;
    beforeEach(async () => {
      members = await join();
    });
    afterEach(() => members.leave());

    test('know themselves alive, until they leave', async () => {
      expect(await members.isAlive(members.self)).toBe(true);
      await members.leave();
      expect(await members.isAlive(members.self)).toBe(false);
    });

    test('take a process that is unknown for dead', async () => {
      expect(await members.isAlive(crypto.randomUUID())).toBe(false);
      expect(await members.isAlive('')).toBe(false);
      expect(await members.isAlive(`../journal/${members.self}`)).toBe(false);
    });

    test('have names of their own', async () => {
      const others = await Promise.all([join(), join(), join()]);
      expect(new Set([members, ...others].map(({ self }) => self)).size).toBe(4);
      await Promise.all(others.map((other) => other.leave()));
    });

    test('may leave twice', async () => {
      await Promise.all([members.leave(), members.leave()]);
      await members.leave();
    });
  });
}

/** What every `MemberRegistry` does. `makeRegistry` gives an empty one. */
export function memberRegistryConformance(
  name: string,
  makeRegistry: () => Promise<MemberRegistry & { close(): Promise<void> }>,
): void {
  describe(`${name}: signs of life`, () => {
    let registry: Awaited<ReturnType<typeof makeRegistry>>;
    beforeEach(async () => {
      registry = await makeRegistry();
    });
    afterEach(() => registry.close());

    test('are known of processes that gave one', async () => {
      expect(await registry.silentFor('us')).toBeUndefined();
      await registry.beat('us');
      const silentMs = await registry.silentFor('us');
      expect(silentMs).toBeGreaterThanOrEqual(0);
      expect(silentMs).toBeLessThan(10_000);
      expect(await registry.silentFor('them')).toBeUndefined();
      expect(await registry.silentFor('')).toBeUndefined();
    });

    test('grow old until the next one', async () => {
      await registry.beat('us');
      await Bun.sleep(600);
      expect(await registry.silentFor('us')).toBeGreaterThanOrEqual(590);
      await registry.beat('us');
      expect(await registry.silentFor('us')).toBeLessThan(590);
    });

    test('of each process are apart', async () => {
      await registry.beat('them');
      await Bun.sleep(600);
      await registry.beat('us');
      expect(await registry.silentFor('them')).toBeGreaterThanOrEqual(590);
      expect(await registry.silentFor('us')).toBeLessThan(590);
    });

    test('are removed with their process, which may come back', async () => {
      await registry.beat('us');
      await registry.beat('them');
      for (const _ of [1, 2]) await registry.remove('us');
      await registry.remove('unknown');
      expect(await registry.silentFor('us')).toBeUndefined();
      expect(await registry.silentFor('them')).toBeDefined();
      await registry.beat('us');
      expect(await registry.silentFor('us')).toBeDefined();
    });
  });
}
