import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InstanceLock } from '../../src/stores/files/instance-lock.ts';
import { FileMembers } from '../../src/stores/files/members.ts';
import { MemoryStore } from '../../src/stores/memory/store.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { startMembers } from './children/start-member.ts';
import { shareJournals, startFileProcess } from './shared-journals.ts';
import { faultOf, NOW } from './turn-rows.ts';

const journals = shareJournals();
const SILENCE_MS = 30_000;

const start = startMembers();
const startChild = (dataDir: string) => start(dataDir, database());
const folder = () => mkdtempSync(join(journals.dataDir(), 'f-'));
const database = () => join(journals.dataDir(), 'clawhold.db');

describe('file members: the lock of a process', () => {
  const path = () => join(journals.dataDir(), 'some.lock');

  test('is held by one', () => {
    const lock = InstanceLock.take(path(), { create: true });
    expect(lock).toBeDefined();
    expect(InstanceLock.take(path(), { create: true })).toBeUndefined();
    expect(InstanceLock.stateOf(path())).toBe('held');
    expect(readdirSync(journals.dataDir())).toEqual(['some.lock']);
    lock?.release();
    expect(InstanceLock.stateOf(path())).toBe('free');
    const next = InstanceLock.take(path(), { create: false });
    expect(next).toBeDefined();
    next?.remove();
  });

  test('is not made again by a successor that comes too late: its owner may be about to take it', () => {
    expect(InstanceLock.take(path(), { create: false })).toBeUndefined();
    expect(InstanceLock.stateOf(path())).toBe('missing');
    expect(readdirSync(journals.dataDir())).toEqual([]);
  });

  test('that cannot be made is an error', () => {
    expect(() => InstanceLock.take(join(path(), 'x.lock'), { create: true })).toThrow();
  });
});

describe('file members: processes that share a folder', () => {
  test('see one another alive, and asking leaves nothing behind', async () => {
    const [mine, other] = [await journals.start(), await journals.start()];
    const before = readdirSync(join(journals.dataDir(), 'journal')).sort();
    for (let n = 0; n < 3; n++) {
      expect(await mine.members.isAlive(other.members.self)).toBe(true);
      expect(await other.members.isAlive(mine.members.self)).toBe(true);
      expect(await mine.members.isAlive(crypto.randomUUID())).toBe(false);
      expect(await mine.members.isAlive(`../journal/${other.members.self}`)).toBe(false);
    }
    expect(readdirSync(join(journals.dataDir(), 'journal')).sort()).toEqual(before);
    await other.close();
    expect(await mine.members.isAlive(other.members.self)).toBe(false);
    expect(readdirSync(join(journals.dataDir(), 'journal'))).toEqual([`${mine.members.self}.lock`]);
  });

  test('see one another alive however long a process is silent', async () => {
    let now = NOW;
    const registry = new MemoryStore(() => now);
    const [mine, other] = [await startFileProcess(folder(), registry), await journals.start()];
    const neighbour = await startFileProcess(journals.dataDir(), registry);
    now += 10 * SILENCE_MS;
    expect(await other.members.isAlive(neighbour.members.self)).toBe(true);
    expect(await mine.members.isAlive(neighbour.members.self)).toBe(false);
    for (const process of [mine, neighbour]) await process.close();
  });

  test('see one that is frozen alive and not active', async () => {
    let now = NOW;
    const registry = new MemoryStore(() => now);
    const mine = await startFileProcess(journals.dataDir(), registry);
    const frozen = await startFileProcess(journals.dataDir(), registry);
    expect(await mine.members.isActive(frozen.members.self)).toBe(true);
    now += SILENCE_MS + 1;
    expect(await mine.members.isActive(frozen.members.self)).toBe(false);
    expect(await mine.members.isAlive(frozen.members.self)).toBe(true);
    expect(await mine.members.isFrozen(frozen.members.self)).toBe(true);
    expect(await mine.members.isFrozen(mine.members.self)).toBe(false);
    expect(await mine.members.isFrozen(crypto.randomUUID())).toBe(false);
    expect(await mine.members.isActive(mine.members.self)).toBe(true);
    expect(await mine.members.isActive(crypto.randomUUID())).toBe(false);
    await Promise.all([mine.close(), frozen.close()]);
  });

  test('see the death of one at once, though it gave a sign of life a moment ago', async () => {
    const { members, journal } = await journals.start();
    const dead = await startChild(journals.dataDir());
    expect(await members.isAlive(dead.member)).toBe(true);
    await dead.kill();
    expect(await members.isAlive(dead.member)).toBe(false);
    expect(await journal.inherit()).toHaveLength(1);
    expect(await members.isAlive(dead.member)).toBe(false);
  });

  test('take a dead one for dead while they succeed it', async () => {
    const { members } = await journals.start();
    const dead = await FileMembers.join(journals.dataDir(), journals.registry());
    await dead.leave();
    await journals.registry().beat(dead.self);
    const asked: Promise<boolean>[] = [];
    const succeeded = await members.succeed(dead.self, false, () => asked.push(members.isAlive(dead.self)));
    expect(succeeded).toBe(true);
    expect(await Promise.all(asked)).toEqual([false]);
    expect(await members.isAlive(dead.self)).toBe(false);
  });

  test('do not take a dead one for frozen while another one succeeds it', async () => {
    const [{ members }, successor] = [await journals.start(), await journals.start()];
    const dead = await FileMembers.join(journals.dataDir(), journals.registry());
    expect(await members.isFrozen(dead.self)).toBe(false);
    await dead.leave();
    await journals.registry().beat(dead.self);
    const looks: Promise<boolean>[] = [];
    const adopt = () => looks.push(members.isFrozen(dead.self), members.isActive(dead.self));
    expect(await successor.members.succeed(dead.self, false, adopt)).toBe(true);
    expect(await Promise.all(looks)).toEqual([false, false]);
    expect(await members.isFrozen(dead.self)).toBe(false);
  });

  test('do not succeed one that lives', async () => {
    const [mine, other] = [await journals.start(), await journals.start()];
    const succeeded = await mine.members.succeed(other.members.self, true, () => {
      throw new Error('It was succeeded.');
    });
    expect(succeeded).toBe(false);
    expect(await journals.registry().silentFor(other.members.self)).toBeDefined();
  });
});

describe('file members: processes with folders of their own and one database', () => {
  /** As if the process had given its last sign of life earlier than it did. */
  function silence(member: string, ms: number): void {
    const db = new Database(database());
    db.run('UPDATE members SET seen_at = seen_at - ? WHERE id = ?', [ms, member]);
    db.close();
  }

  test('see one another alive, and the death of one by its silence alone', async () => {
    const registry = await SqliteStore.open(database());
    const [mine, other] = [
      await FileMembers.join(folder(), registry),
      await FileMembers.join(folder(), registry),
    ];
    expect(await mine.isAlive(other.self)).toBe(true);
    expect(await other.isAlive(mine.self)).toBe(true);

    const dataDir = folder();
    const dead = await startChild(dataDir);
    expect(await mine.isAlive(dead.member)).toBe(true);
    await dead.kill();
    expect(await mine.isAlive(dead.member)).toBe(true);
    silence(dead.member, SILENCE_MS - 5_000);
    expect(await mine.isAlive(dead.member)).toBe(true);
    silence(dead.member, 5_001);
    expect(await mine.isAlive(dead.member)).toBe(false);

    const restarted = await startFileProcess(dataDir, registry);
    expect(await restarted.members.isAlive(dead.member)).toBe(false);
    expect(await restarted.members.isAlive(mine.self)).toBe(true);
    await restarted.close();
    for (const members of [mine, other]) await members.leave();
    await registry.close();
  });

  test('hear of a death from the process that starts in the folder of the dead one', async () => {
    const registry = await SqliteStore.open(database());
    const mine = await FileMembers.join(folder(), registry);
    const dataDir = folder();
    const dead = await startChild(dataDir);
    await dead.kill();
    const successor = await startFileProcess(dataDir, registry);
    expect(await successor.members.isAlive(dead.member)).toBe(false);
    expect(await mine.isAlive(dead.member)).toBe(true);
    const turns = await successor.journal.inherit();
    expect(turns.map(({ intent }) => intent.id)).toEqual([dead.turn]);
    expect(await mine.isAlive(dead.member)).toBe(false);
    await successor.close();
    await mine.leave();
    await registry.close();
  });

  test('hear at once of a process that leaves', async () => {
    const registry = await SqliteStore.open(database());
    const [mine, other] = [
      await FileMembers.join(folder(), registry),
      await FileMembers.join(folder(), registry),
    ];
    await other.leave();
    expect(await mine.isAlive(other.self)).toBe(false);
    await mine.leave();
    expect(await registry.silentFor(mine.self)).toBeUndefined();
    await registry.close();
  });
});

describe('file members: a registry that fails', () => {
  class Failing extends MemoryStore {
    failing = false;
    override async beat(member: string) {
      if (this.failing) throw new Error('down');
      return super.beat(member);
    }
    override async remove(member: string) {
      if (this.failing) throw new Error('down');
      return super.remove(member);
    }
  }

  test('keeps a process from joining, and no lock is left behind', async () => {
    const registry = new Failing();
    registry.failing = true;
    expect(await FileMembers.join(journals.dataDir(), registry).catch((error) => error.message)).toBe('down');
    expect(journals.files('')).toEqual([]);
  });

  test('does not keep it from leaving: its neighbours see it dead at once', async () => {
    const registry = new Failing();
    const [mine, other] = [
      await FileMembers.join(journals.dataDir(), registry),
      await FileMembers.join(journals.dataDir(), registry),
    ];
    registry.failing = true;
    await other.leave();
    expect(await mine.isAlive(other.self)).toBe(false);
    registry.failing = false;
    await mine.leave();
  });

  test('is an error where the lock cannot tell', async () => {
    const store = await SqliteStore.open(database());
    const mine = await FileMembers.join(journals.dataDir(), store);
    await store.close();
    expect(await faultOf(mine.isAlive(crypto.randomUUID()))).toBe('store_unavailable');
    await mine.leave();
  });
});
