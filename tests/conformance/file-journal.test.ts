import { describe, expect, test } from 'bun:test';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Intent } from '../../src/core/turn.ts';
import { InstanceLock } from '../../src/stores/files/instance-lock.ts';
import { FileJournal } from '../../src/stores/files/journal.ts';
import { shareJournals } from '../harness/journal.ts';
import { anIntent, begin, textDelta } from './journal.ts';
import { faultOf, NOW } from './turn-rows.ts';

const journals = shareJournals();

/** A process that has died; the path of its only segment. */
async function left(write: (journal: FileJournal) => void): Promise<string> {
  const journal = FileJournal.open(journals.dataDir());
  write(journal);
  await journal.close();
  return journals.files('.log').find((path) => path.includes(journal.instance))!;
}

describe('file journal: damage', () => {
  function loseLine(path: string, line: number): void {
    const lines = readFileSync(path, 'utf8').split('\n');
    lines[line] = '\0'.repeat(lines[line]!.length);
    writeFileSync(path, lines.join('\n'));
  }

  test('of a last line that was cut short is taken off', async () => {
    const intent = anIntent();
    const path = await left((journal) => {
      journal.begin(intent);
      journal.append(intent.id, [textDelta('whole')]);
    });
    appendFileSync(path, `["deltas","${intent.id}",[{"type":"text-de`);
    const heir = journals.open();
    expect(await heir.inherit()).toEqual([{ intent, deltas: [textDelta('whole')] }]);
    heir.append(intent.id, [textDelta('next')]);
    expect((await heir.find(intent.id))?.deltas).toEqual([textDelta('whole'), textDelta('next')]);
  });

  test('within ends what is known of the turns that were open there', async () => {
    const [before, after] = [anIntent(NOW), anIntent(NOW + 1)];
    const path = await left((journal) => {
      journal.begin(before);
      for (const text of ['one', 'two', 'three']) journal.append(before.id, [textDelta(text)]);
      journal.begin(after);
      journal.append(after.id, [textDelta('later')]);
    });
    loseLine(path, 2);
    expect(await journals.open().inherit()).toEqual([
      { intent: before, deltas: [textDelta('one')] },
      { intent: after, deltas: [textDelta('later')] },
    ]);
  });

  test('within does not swallow what a turn gets from its heir', async () => {
    const intent = anIntent();
    const path = await left((journal) => {
      journal.begin(intent);
      for (const text of ['one', 'two', 'three']) journal.append(intent.id, [textDelta(text)]);
    });
    loseLine(path, 2);
    const heir = journals.open();
    await heir.inherit();
    heir.append(intent.id, [textDelta('new')]);
    const whole = { intent, deltas: [textDelta('one'), textDelta('new')] };
    expect(await heir.find(intent.id)).toEqual(whole);
    await heir.close();
    expect(await journals.open().inherit()).toEqual([whole]);
  });

  test('within does not reach a turn that has begun again behind it', async () => {
    const intent = anIntent();
    const path = await left((journal) => {
      journal.begin(intent);
      journal.append(intent.id, [textDelta('lost')]);
      journal.begin(intent);
      journal.append(intent.id, [textDelta('kept')]);
    });
    loseLine(path, 1);
    expect(await journals.open().inherit()).toEqual([{ intent, deltas: [textDelta('kept')] }]);
  });

  test('of one process does not hide what the others left', async () => {
    const damaged = await left(begin);
    rmSync(damaged);
    mkdirSync(damaged);
    const intents = [anIntent(NOW), anIntent(NOW + 1), anIntent(NOW + 2)];
    for (const intent of intents) await left((journal) => journal.begin(intent));
    const heir = journals.open();
    const turns = await heir.inherit();
    expect(turns.map(({ intent }) => intent)).toEqual(intents);
    expect(journals.files('.lock')).toHaveLength(2);
    expect(await faultOf(heir.inherit())).toBe('store_unavailable');
    rmSync(damaged, { recursive: true });
    expect(await heir.inherit()).toEqual([]);
    expect(journals.files('.lock')).toHaveLength(1);
  });
});

describe('file journal: neighbours', () => {
  test('read the turns of one another as they come', async () => {
    const [mine, other] = [journals.open(), journals.open()];
    const [intent, beside] = [begin(mine), begin(mine)];
    const atFirst = await other.find(intent.id);
    for (let n = 1; n <= 3; n++) {
      mine.append(intent.id, [textDelta(`${n} 🦞`)]);
      mine.append(beside.id, [textDelta('x')]);
      expect((await other.find(intent.id))?.deltas).toHaveLength(n);
    }
    expect(atFirst).toEqual({ intent, deltas: [] });
    mine.begin({ ...intent, model: 'gpt-5-mini' });
    expect(await other.find(intent.id)).toEqual({ intent: { ...intent, model: 'gpt-5-mini' }, deltas: [] });
    mine.append(intent.id, [textDelta('a')]);
    expect((await other.find(intent.id))?.deltas).toEqual([textDelta('a')]);
    mine.end(intent.id);
    // The end is written together with this.
    mine.append(beside.id, [textDelta('y')]);
    expect(await other.find(intent.id)).toBeUndefined();
    expect((await other.find(beside.id))?.deltas).toHaveLength(4);
    expect(await other.inherit()).toEqual([]);
  });

  test('see a turn end though nothing else is written', async () => {
    const [mine, other] = [journals.open(), journals.open()];
    const intent = begin(mine);
    mine.end(intent.id);
    while (await other.find(intent.id)) await Bun.sleep(1);
  });

  test('read only what a turn has got since they last looked', async () => {
    const [mine, other] = [journals.open(), journals.open()];
    const intent = begin(mine);
    mine.append(intent.id, [textDelta('a')]);
    expect((await other.find(intent.id))?.deltas).toHaveLength(1);
    const [path] = journals.files('.log');
    mine.append(intent.id, [textDelta('b')]);
    writeFileSync(path!, readFileSync(path!, 'utf8').replace('"text":"a"', '"text":"z"'));
    expect((await other.find(intent.id))?.deltas).toEqual([textDelta('a'), textDelta('b')]);
  });

  test('ignore a line that is being written', async () => {
    const [mine, other] = [journals.open(), journals.open()];
    const intent = begin(mine);
    const [path] = journals.files('.log');
    const { size } = statSync(path!);
    mine.append(intent.id, [textDelta('🦞 a'), textDelta('🦞 b')]);
    const whole = readFileSync(path!);
    // Between any two bytes, those of one character included.
    for (let end = size; end < whole.length; end++) {
      truncateSync(path!, size);
      appendFileSync(path!, whole.subarray(size, end));
      expect((await other.find(intent.id))?.deltas).toEqual([]);
    }
    appendFileSync(path!, whole.subarray(-1));
    expect((await other.find(intent.id))?.deltas).toEqual([textDelta('🦞 a'), textDelta('🦞 b')]);
  });

  test('are not misled by those who speak of a turn, in whatever words', async () => {
    const [mine, other] = [journals.open(300), journals.open()];
    const intent = anIntent();
    const extra = { said: ['begin', intent.id, { ...intent, model: 'forged' }] };
    mine.begin({ ...anIntent(), parent: intent.id, settings: { extra } as Intent['settings'] });
    expect(await other.find(intent.id)).toBeUndefined();
    mine.begin(intent);
    expect(await other.find(intent.id)).toEqual({ intent, deltas: [] });
    expect(journals.files('.log').length).toBeGreaterThan(1);
  });

  test('find a turn that begins again elsewhere after its end', async () => {
    const [mine, other] = [journals.open(2000), journals.open()];
    const intent = begin(mine);
    const first = begin(mine);
    expect(await other.find(intent.id)).toBeDefined();
    mine.end(intent.id);
    mine.append(first.id, [textDelta('x'.repeat(2000))]);
    mine.begin(intent);
    expect(journals.files('.log')).toHaveLength(2);
    expect(await other.find(intent.id)).toEqual({ intent, deltas: [] });
  });

  test('follow a turn to its heir', async () => {
    const intent = anIntent();
    await left((journal) => {
      journal.begin(intent);
      journal.append(intent.id, [textDelta('a')]);
    });
    const [heir, reader] = [journals.open(), journals.open()];
    expect((await reader.find(intent.id))?.deltas).toHaveLength(1);
    await heir.inherit();
    expect((await reader.find(intent.id))?.deltas).toHaveLength(1);
    heir.append(intent.id, [textDelta('b')]);
    expect((await reader.find(intent.id))?.deltas).toEqual([textDelta('a'), textDelta('b')]);
    await heir.close();
    expect((await reader.find(intent.id))?.deltas).toHaveLength(2);
  });

  test.each(['by another', 'by themselves'])(
    'find a turn though it is inherited meanwhile, %s',
    async (by) => {
      const intents = Array.from({ length: 20 }, () => anIntent());
      for (const intent of intents) await left((journal) => journal.begin(intent));
      const [heir, reader] = [journals.open(), journals.open()];
      const looking = Promise.all(intents.map(({ id }) => reader.find(id)));
      await (by === 'by another' ? heir : reader).inherit();
      expect((await looking).map((found) => found?.intent)).toEqual(intents);
    },
  );

  test('are alive while they are open, and asking leaves nothing behind', async () => {
    const [mine, other] = [journals.open(), journals.open()];
    const before = readdirSync(join(journals.dataDir(), 'journal')).sort();
    for (let n = 0; n < 3; n++) {
      expect(await mine.isAlive(other.instance)).toBe(true);
      expect(await other.isAlive(mine.instance)).toBe(true);
      expect(await mine.isAlive(crypto.randomUUID())).toBe(false);
      expect(await mine.isAlive(`../journal/${other.instance}`)).toBe(false);
    }
    expect(readdirSync(join(journals.dataDir(), 'journal')).sort()).toEqual(before);
    begin(other);
    await other.close();
    expect(await mine.isAlive(other.instance)).toBe(false);
  });

  test('are dead though an heir holds what they left', async () => {
    const dead = journals.open();
    const intent = begin(dead);
    await dead.close();
    const [heir, other] = [journals.open(), journals.open()];
    expect(await heir.inherit()).toEqual([{ intent, deltas: [] }]);
    expect(await heir.isAlive(dead.instance)).toBe(false);
    expect(await other.isAlive(dead.instance)).toBe(false);
    expect(await other.find(intent.id)).toBeDefined();
    expect(await other.inherit()).toEqual([]);
  });

  test('share out what was left: each turn has one heir', async () => {
    for (let n = 0; n < 20; n++) await left(begin);
    const heirs = [journals.open(), journals.open()];
    const found = await Promise.all(heirs.map((heir) => heir.inherit()));
    const turns = found.flat().map(({ intent }) => intent.id);
    expect(turns).toHaveLength(20);
    expect(new Set(turns).size).toBe(20);
    expect(journals.files('.lock')).toHaveLength(heirs.length);
  });
});

describe('file journal: the lock of a process', () => {
  const path = () => join(journals.dataDir(), 'some.lock');

  test('is held by one', () => {
    const lock = InstanceLock.take(path(), { create: true });
    expect(lock).toBeDefined();
    expect(InstanceLock.take(path(), { create: true })).toBeUndefined();
    expect(InstanceLock.isHeld(path())).toBe(true);
    expect(readdirSync(journals.dataDir())).toEqual(['some.lock']);
    lock?.release();
    expect(InstanceLock.isHeld(path())).toBe(false);
    const next = InstanceLock.take(path(), { create: false });
    expect(next).toBeDefined();
    next?.remove();
  });

  test('is not made anew by an heir who comes too late: its owner may be about to take it', () => {
    expect(InstanceLock.take(path(), { create: false })).toBeUndefined();
    expect(InstanceLock.isHeld(path())).toBe(false);
    expect(readdirSync(journals.dataDir())).toEqual([]);
  });

  test('that cannot be made is an error', () => {
    expect(() => InstanceLock.take(join(path(), 'x.lock'), { create: true })).toThrow();
  });
});

describe('file journal: segments', () => {
  test('are few and small when turns end', async () => {
    const journal = journals.open(10_000);
    for (let i = 0; i < 1000; i++) {
      const intent = begin(journal);
      journal.append(intent.id, [textDelta('x'.repeat(500))]);
      journal.end(intent.id);
    }
    const [size, ...others] = journals.files('.log').map((path) => statSync(path).size);
    expect(others).toEqual([]);
    expect(size).toBeLessThan(11_000);
    await journal.close();
    expect(readdirSync(join(journals.dataDir(), 'journal'))).toEqual([]);
  });

  test('rotate, and go when their own turns have ended, however long another runs', async () => {
    const journal = journals.open(10_000);
    const long = begin(journal);
    let running: Intent[] = [];
    for (let round = 0; round < 50; round++) {
      const next = Array.from({ length: 8 }, () => begin(journal));
      for (const intent of next) journal.append(intent.id, [textDelta('x'.repeat(500))]);
      for (const intent of running) journal.end(intent.id);
      journal.append(long.id, [textDelta(`${round}`)]);
      running = next;
      expect(journals.files('.log').length).toBeLessThanOrEqual(4);
    }
    for (const intent of running) journal.end(intent.id);
    await journal.close();
    const [entry, ...others] = await journals.open().inherit();
    expect(others).toEqual([]);
    expect(entry?.intent).toEqual(long);
    expect(entry?.deltas).toHaveLength(50);
  });

  test('are not touched after close', async () => {
    const journal = journals.open();
    const left = begin(journal);
    await journal.close();
    expect(() => begin(journal)).toThrow('The journal is closed.');
    expect(await faultOf(journal.inherit())).toBe('store_unavailable');
    expect(await faultOf(journal.find(left.id))).toBe('store_unavailable');
    expect(await journals.open().inherit()).toHaveLength(1);
  });

  test('that cannot be read are an error', async () => {
    const journal = journals.open();
    rmSync(join(journals.dataDir(), 'journal'), { recursive: true });
    expect(await faultOf(journal.inherit())).toBe('store_unavailable');
    expect(await faultOf(journal.find(anIntent().id))).toBe('store_unavailable');
    expect(() => begin(journal)).toThrow('The journal cannot be written');
  });
});
