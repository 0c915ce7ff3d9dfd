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
import type { GatewayEvent } from '../../src/core/events.ts';
import { newSessionId } from '../../src/core/ids.ts';
import type { PlacedIntent } from '../../src/core/turn.ts';
import type { FileJournal } from '../../src/stores/files/journal.ts';
import { anIntent, LEFT, textDelta, waiting } from './journal.ts';
import { shareJournals, startFileProcess } from './shared-journals.ts';
import { ACME, faultOf, GLOBEX, NOW } from './turn-rows.ts';

const journals = shareJournals();

/** A process that has ended and left turns; the path of its only segment. */
async function left(write: (journal: FileJournal) => void): Promise<string> {
  const process = await startFileProcess(journals.dataDir());
  write(process.journal);
  await process.close();
  return journals.files('.log').find((path) => path.includes(process.members.self))!;
}

/** A turn that has begun. */
function begin(journal: FileJournal): PlacedIntent {
  const intent = anIntent();
  journal.begin(intent);
  return intent;
}

const inheritNext = async () => (await journals.start()).journal.inherit();

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
    const successor = await journals.start();
    expect(await successor.journal.inherit()).toEqual([{ intent, deltas: [textDelta('whole')], ...LEFT }]);
    successor.journal.append(intent.id, [textDelta('next')]);
    expect((await successor.feed.find(intent.id))?.deltas).toEqual([textDelta('whole'), textDelta('next')]);
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
    expect(await inheritNext()).toEqual([
      { intent: before, deltas: [textDelta('one')], deaths: 0, isCut: true },
      { intent: after, deltas: [textDelta('later')], ...LEFT },
    ]);
  });

  test('within does not swallow what a turn gets from its successor', async () => {
    const intent = anIntent();
    const path = await left((journal) => {
      journal.begin(intent);
      for (const text of ['one', 'two', 'three']) journal.append(intent.id, [textDelta(text)]);
    });
    loseLine(path, 2);
    const successor = await journals.start();
    await successor.journal.inherit();
    successor.journal.append(intent.id, [textDelta('new')]);
    const whole = { intent, deltas: [textDelta('one'), textDelta('new')] };
    expect(await successor.feed.find(intent.id)).toEqual(whole);
    await successor.close();
    expect(await inheritNext()).toEqual([{ ...whole, ...LEFT }]);
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
    expect(await inheritNext()).toEqual([{ intent, deltas: [textDelta('kept')], ...LEFT }]);
  });

  test('of a character within is found by the checksum of its line', async () => {
    const intent = anIntent();
    const path = await left((journal) => {
      journal.begin(intent);
      for (const text of ['one', 'two', 'three']) journal.append(intent.id, [textDelta(text)]);
    });
    writeFileSync(path, readFileSync(path, 'utf8').replace('"two"', '"tow"'));
    const events: GatewayEvent[] = [];
    const { journal } = await journals.start(undefined, (event) => events.push(event));
    const file = expect.stringContaining('/journal/');
    expect(await journal.inherit()).toEqual([{ intent, deltas: [textDelta('one')], deaths: 0, isCut: true }]);
    expect(events).toEqual([{ type: 'journal-damaged', file, lines: 1, cut: [intent.id], lost: [] }]);
  });

  test.each(['with deltas', 'alone'])('of a begin (%s) names the turn that is lost', async (what) => {
    const [lost, other] = [anIntent(NOW), anIntent(NOW + 1)];
    const path = await left((journal) => {
      journal.begin(lost);
      if (what === 'with deltas') journal.append(lost.id, [textDelta('one')]);
      journal.begin(other);
    });
    if (what === 'with deltas') loseLine(path, 0);
    else writeFileSync(path, readFileSync(path, 'utf8').replace('"gpt-5"', '"gpt-6"'));
    const events: GatewayEvent[] = [];
    const { journal } = await journals.start(undefined, (event) => events.push(event));
    expect(await journal.inherit()).toEqual([{ intent: other, deltas: [], ...LEFT }]);
    expect(events).toMatchObject([{ type: 'journal-damaged', lines: 1, cut: [], lost: [lost.id] }]);
  });

  test('is not reported where a line was only cut short', async () => {
    const path = await left(begin);
    appendFileSync(path, '["deltas","');
    const events: GatewayEvent[] = [];
    const { journal } = await journals.start(undefined, (event) => events.push(event));
    expect(await journal.inherit()).toHaveLength(1);
    expect(events).toEqual([]);
  });

  test('of one process does not hide what the others left', async () => {
    const damaged = await left(begin);
    rmSync(damaged);
    mkdirSync(damaged);
    const intents = [anIntent(NOW), anIntent(NOW + 1), anIntent(NOW + 2)];
    for (const intent of intents) await left((journal) => journal.begin(intent));
    const { journal: successor } = await journals.start();
    const turns = await successor.inherit();
    expect(turns.map(({ intent }) => intent)).toEqual(intents);
    expect(journals.files('.lock')).toHaveLength(2);
    expect(await faultOf(successor.inherit())).toBe('store_unavailable');
    rmSync(damaged, { recursive: true });
    expect(await successor.inherit()).toEqual([]);
    expect(journals.files('.lock')).toHaveLength(1);
  });
});

describe('file journal: deaths', () => {
  /** Leaves the files as they are after kill -9: the process has not noted its end. */
  function forgetEnd(): void {
    for (const path of journals.files('.log')) {
      const text = readFileSync(path, 'utf8');
      writeFileSync(path, text.replace(/\["closed",[^\n]*\n$/, ''));
    }
  }

  test('are counted for turns that had their session, over all successors', async () => {
    const [placed, queued] = [anIntent(NOW), waiting(anIntent(NOW + 1))];
    await left((journal) => {
      journal.begin(placed);
      journal.begin(queued);
    });
    for (let deaths = 1; deaths <= 3; deaths++) {
      forgetEnd();
      const { journal, close } = await journals.start();
      expect(await journal.inherit()).toEqual([
        { intent: placed, deltas: [], deaths, isCut: false },
        { intent: queued, deltas: [], ...LEFT },
      ]);
      await close();
    }
    expect(await inheritNext()).toMatchObject([{ deaths: 3 }, { deaths: 0 }]);
  });
});

describe('file journal: neighbours', () => {
  test('read the turns of one another as they come', async () => {
    const [{ journal: mine }, { feed: other, journal: theirs }] = [
      await journals.start(),
      await journals.start(),
    ];
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
    expect(await theirs.inherit()).toEqual([]);
  });

  test('see a turn end though nothing else is written', async () => {
    const [{ journal: mine }, { feed: other }] = [await journals.start(), await journals.start()];
    const intent = begin(mine);
    mine.end(intent.id);
    while (await other.find(intent.id)) await Bun.sleep(1);
  });

  test('read only what a turn has got since they last looked', async () => {
    const [{ journal: mine }, { feed: other }] = [await journals.start(), await journals.start()];
    const intent = begin(mine);
    mine.append(intent.id, [textDelta('a')]);
    expect((await other.find(intent.id))?.deltas).toHaveLength(1);
    const [path] = journals.files('.log');
    mine.append(intent.id, [textDelta('b')]);
    writeFileSync(path!, readFileSync(path!, 'utf8').replace('"text":"a"', '"text":"z"'));
    expect((await other.find(intent.id))?.deltas).toEqual([textDelta('a'), textDelta('b')]);
  });

  test('ignore a line that is being written', async () => {
    const [{ journal: mine }, { feed: other }] = [await journals.start(), await journals.start()];
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

  test('are not misled by content that speaks of a turn', async () => {
    const [{ journal: mine }, { feed: other }] = [await journals.start(300), await journals.start()];
    const intent = anIntent();
    const extra = { said: ['begin', intent.id, { ...intent, model: 'forged' }] };
    mine.begin({ ...anIntent(), settings: { extra } as PlacedIntent['settings'] });
    expect(await other.find(intent.id)).toBeUndefined();
    mine.begin(intent);
    expect(await other.find(intent.id)).toEqual({ intent, deltas: [] });
    expect(journals.files('.log').length).toBeGreaterThan(1);
  });

  test('find a turn that begins again elsewhere after its end', async () => {
    const [{ journal: mine }, { feed: other }] = [await journals.start(2000), await journals.start()];
    const intent = begin(mine);
    const first = begin(mine);
    expect(await other.find(intent.id)).toBeDefined();
    mine.end(intent.id);
    mine.append(first.id, [textDelta('x'.repeat(2000))]);
    mine.begin(intent);
    expect(journals.files('.log')).toHaveLength(2);
    expect(await other.find(intent.id)).toEqual({ intent, deltas: [] });
  });

  test('follow a turn to its successor', async () => {
    const intent = anIntent();
    await left((journal) => {
      journal.begin(intent);
      journal.append(intent.id, [textDelta('a')]);
    });
    const [successor, { feed: reader }] = [await journals.start(), await journals.start()];
    expect((await reader.find(intent.id))?.deltas).toHaveLength(1);
    await successor.journal.inherit();
    expect((await reader.find(intent.id))?.deltas).toHaveLength(1);
    successor.journal.append(intent.id, [textDelta('b')]);
    expect((await reader.find(intent.id))?.deltas).toEqual([textDelta('a'), textDelta('b')]);
    await successor.close();
    expect((await reader.find(intent.id))?.deltas).toHaveLength(2);
  });

  test.each(['by another', 'by themselves'])(
    'find a turn though it is inherited meanwhile, %s',
    async (by) => {
      const intents = Array.from({ length: 20 }, () => anIntent());
      for (const intent of intents) await left((journal) => journal.begin(intent));
      const [successor, reader] = [await journals.start(), await journals.start()];
      const looking = Promise.all(intents.map(({ id }) => reader.feed.find(id)));
      await (by === 'by another' ? successor : reader).journal.inherit();
      expect((await looking).map((found) => found?.intent)).toEqual(intents);
    },
  );

  test('share out what was left: each turn has one successor', async () => {
    for (let n = 0; n < 20; n++) await left(begin);
    const successors = [await journals.start(), await journals.start()];
    const found = await Promise.all(successors.map((successor) => successor.journal.inherit()));
    const turns = found.flat().map(({ intent }) => intent.id);
    expect(turns).toHaveLength(20);
    expect(new Set(turns).size).toBe(20);
    expect(journals.files('.lock')).toHaveLength(successors.length);
  });
});

describe('file journal: segments', () => {
  test('are few and small when turns end', async () => {
    const { journal, close } = await journals.start(10_000);
    for (let i = 0; i < 1000; i++) {
      const intent = begin(journal);
      journal.append(intent.id, [textDelta('x'.repeat(500))]);
      journal.end(intent.id);
    }
    const [size, ...others] = journals.files('.log').map((path) => statSync(path).size);
    expect(others).toEqual([]);
    // The segment, and one turn that begins in it.
    expect(size).toBeLessThan(11_200);
    await close();
    expect(readdirSync(join(journals.dataDir(), 'journal'))).toEqual([]);
  });

  test('rotate, and go when their own turns have ended, however long another runs', async () => {
    const { journal, close } = await journals.start(10_000);
    const long = begin(journal);
    let running: PlacedIntent[] = [];
    for (let round = 0; round < 50; round++) {
      const next = Array.from({ length: 8 }, () => begin(journal));
      for (const intent of next) journal.append(intent.id, [textDelta('x'.repeat(500))]);
      for (const intent of running) journal.end(intent.id);
      journal.append(long.id, [textDelta(`${round}`)]);
      running = next;
      expect(journals.files('.log').length).toBeLessThanOrEqual(4);
    }
    for (const intent of running) journal.end(intent.id);
    await close();
    const [entry, ...others] = await inheritNext();
    expect(others).toEqual([]);
    expect(entry?.intent).toEqual(long);
    expect(entry?.deltas).toHaveLength(50);
  });

  test('are not touched after close', async () => {
    const { journal, feed, close } = await journals.start();
    const left = begin(journal);
    await journal.close();
    expect(() => begin(journal)).toThrow('The journal is closed.');
    expect(await faultOf(journal.inherit())).toBe('store_unavailable');
    expect(await faultOf(journal.erase(ACME, left.session))).toBe('store_unavailable');
    expect(await faultOf(feed.find(left.id))).toBe('store_unavailable');
    expect(await faultOf(feed.requestCancel(left.id))).toBe('store_unavailable');
    await close();
    expect(await inheritNext()).toHaveLength(1);
  });

  test('that cannot be read are an error', async () => {
    const { journal, feed } = await journals.start();
    rmSync(join(journals.dataDir(), 'journal'), { recursive: true });
    expect(await faultOf(journal.inherit())).toBe('store_unavailable');
    expect(await faultOf(feed.find(anIntent().id))).toBe('store_unavailable');
    expect(() => begin(journal)).toThrow('The journal cannot be written');
  });
});

describe('file journal: erasing', () => {
  const session = newSessionId(NOW);
  const word = 'unmistakable';
  const secret = () => anIntent(NOW, { session, metadata: { word } });
  const everything = () =>
    journals
      .files('')
      .map((path) => readFileSync(path, 'latin1'))
      .join('');

  test('leaves no byte of the session in any segment, of ended turns and of ends that wait too', async () => {
    const { journal } = await journals.start(2000);
    const kept: PlacedIntent[] = [];
    for (let round = 0; round < 10; round++) {
      const intent = secret();
      journal.begin(intent);
      kept.push(begin(journal));
      journal.append(intent.id, [textDelta(`${word} ${'x'.repeat(300)}`)]);
      if (round % 2 === 0) journal.end(intent.id);
    }
    const last = secret();
    journal.begin(last);
    journal.end(last.id);
    expect(journals.files('.log').length).toBeGreaterThan(2);
    expect(everything()).toContain(word);
    await journal.erase(ACME, session);
    expect(everything()).not.toContain(word);
    expect(everything()).not.toContain(session);
    journal.begin(anIntent());
    await Bun.sleep(80);
    expect(everything()).not.toContain(session);
    expect(journals.files('.tmp')).toEqual([]);
    const turns = await Promise.all(kept.map(({ id }) => journal.findOwn(id)));
    expect(turns.map((turn) => turn?.intent)).toEqual(kept);
  });

  test('does not disturb a reader in another process', async () => {
    const [{ journal }, { feed }] = [await journals.start(), await journals.start()];
    const hidden = secret();
    journal.begin(hidden);
    journal.append(hidden.id, [textDelta('x'.repeat(5000))]);
    const other = begin(journal);
    for (let n = 1; n < 6; n++) {
      journal.append(other.id, [textDelta(`${n}`)]);
      expect((await feed.find(other.id))?.deltas).toHaveLength(n);
      if (n === 2) await journal.erase(ACME, session);
      if (n === 3) journal.begin(secret());
      if (n === 4) await journal.erase(ACME, session);
    }
    expect(await feed.find(hidden.id)).toBeUndefined();
  });

  test('leaves the same turns to a successor, also behind a damaged line', async () => {
    const [before, after, foreign] = [anIntent(), anIntent(NOW + 1), { ...secret(), tenant: GLOBEX }];
    const path = await left((journal) => {
      journal.begin(before);
      journal.append(before.id, [textDelta('one')]);
      journal.begin(secret());
      journal.append(before.id, [textDelta('lost')]);
      journal.begin(after);
      journal.begin(foreign);
      journal.append(after.id, [textDelta('later')]);
    });
    const lines = readFileSync(path, 'utf8').split('\n');
    lines[3] = `${word} of a damaged line`;
    writeFileSync(path, lines.join('\n'));
    const successor = await journals.start();
    expect(await successor.journal.inherit()).toHaveLength(4);
    await successor.journal.erase(ACME, session);
    expect(readFileSync(journals.files('.log')[0]!, 'utf8')).not.toContain(`${word} of`);
    successor.journal.append(before.id, [textDelta('two')]);
    await successor.close();
    const turns = await inheritNext();
    expect(turns).toHaveLength(3);
    expect(turns).toContainEqual({ intent: before, deltas: [textDelta('one'), textDelta('two')], ...LEFT });
    expect(turns).toContainEqual({ intent: after, deltas: [textDelta('later')], ...LEFT });
    expect(turns).toContainEqual({ intent: foreign, deltas: [], ...LEFT });
  });

  test('removes a segment that holds nothing else', async () => {
    const { journal } = await journals.start(2000);
    const hidden = secret();
    journal.begin(hidden);
    journal.append(hidden.id, [textDelta('x'.repeat(2000))]);
    begin(journal);
    expect(journals.files('.log')).toHaveLength(2);
    await journal.erase(ACME, session);
    expect(journals.files('.log')).toHaveLength(1);
  });

  test('that was cut short by a death leaves the segment as it was', async () => {
    const intent = anIntent();
    const path = await left((journal) => journal.begin(intent));
    writeFileSync(`${path}.tmp`, readFileSync(path));
    expect(await inheritNext()).toEqual([{ intent, deltas: [], ...LEFT }]);
    expect(journals.files('.tmp')).toEqual([]);
  });
});

describe('file journal: a process that cannot be removed from the registry', () => {
  test('leaves everything for the next call, and is known to be dead', async () => {
    const intent = anIntent();
    let down = true;
    const registry = journals.registry();
    const dead = await startFileProcess(journals.dataDir(), registry);
    dead.journal.begin(intent);
    // As kill -9 leaves it: in the registry, its lock released by the system.
    await dead.journal.close();
    const remove = registry.remove.bind(registry);
    registry.remove = async (member) => {
      if (down) throw new Error('the registry is down');
      return remove(member);
    };
    dead.feed.close();
    await dead.members.leave();
    const { journal, members } = await journals.start();
    expect(await members.isAlive(dead.members.self)).toBe(false);
    expect(await faultOf(journal.inherit())).toBe('store_unavailable');
    expect(journals.files('.lock')).toHaveLength(2);
    expect(await members.isAlive(dead.members.self)).toBe(false);
    down = false;
    expect(await journal.inherit()).toEqual([{ intent, deltas: [], ...LEFT }]);
    expect(journals.files('.lock')).toHaveLength(1);
    expect(await registry.silentFor(dead.members.self)).toBeUndefined();
    expect(await members.isAlive(dead.members.self)).toBe(false);
  });
});
