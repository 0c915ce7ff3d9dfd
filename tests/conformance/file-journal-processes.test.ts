import { afterEach, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TurnId } from '../../src/core/ids.ts';
import type { Unfinished } from '../../src/session/journal.ts';
import { killOnce, lines } from './children/kill.ts';
import { shareJournals } from './shared-journals.ts';

const WRITER = join(import.meta.dir, 'children', 'journal-writer.ts');
const SUCCESSOR = join(import.meta.dir, 'children', 'interrupted-successor.ts');
const OPENER = join(import.meta.dir, 'children', 'journal-opener.ts');
/** How many turns the writer begins, and may end, at once. */
const AT_ONCE = 4;

const journals = shareJournals();

const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function run(program: string[]) {
  const child = Bun.spawn([process.execPath, ...program], { stdout: 'pipe' });
  children.push(child);
  return child;
}

function start(segmentBytes: number, rounds?: number) {
  const writer = [WRITER, journals.dataDir(), String(segmentBytes)];
  return run(rounds === undefined ? writer : [...writer, String(rounds)]);
}

/** What a program has printed by the time it says that it is done. */
async function untilDone(child: ReturnType<typeof run>): Promise<string> {
  const reader = child.stdout.getReader();
  let printed = '';
  while (!printed.includes('done')) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The program has ended early, after "${printed}".`);
    printed += new TextDecoder().decode(value);
  }
  return printed;
}

/** Starts a writer and waits until it has done its rounds. */
async function startAndPause(rounds: number) {
  const child = start(50_000, rounds);
  return { child, printed: await untilDone(child) };
}

interface Accepted {
  instance: string;
  /** What is known of turns that were not ended: how often they had begun, and their deltas since. */
  open: Map<TurnId, { time: number; deltas: number }>;
  ended: TurnId[];
}

function read(printed: string): Accepted {
  const open: Accepted['open'] = new Map();
  const ended: TurnId[] = [];
  let instance = '';
  for (const line of printed.slice(0, printed.lastIndexOf('\n')).split('\n')) {
    const [kind, name = '', number] = line.split(' ');
    const turn = name as TurnId;
    if (kind === 'instance') instance = name;
    else if (kind === 'begin') open.set(turn, { time: Number(number), deltas: 0 });
    else if (kind === 'delta')
      open.set(turn, { time: open.get(turn)?.time ?? 0, deltas: Number(number) + 1 });
    else if (kind === 'end') {
      open.delete(turn);
      ended.push(turn);
    }
  }
  return { instance, open, ended };
}

/** Without what the process may have done, unheard, just before it died. */
function certain({ instance, open, ended }: Accepted): Accepted {
  return { instance, open: new Map([...open].slice(0, -AT_ONCE)), ended };
}

/**
 * That nothing accepted is missing, that everything is in order, and that nothing ended is there but what
 * ended last: an end waits for the next entry.
 */
function expectWhole(found: Unfinished[], { open, ended }: Accepted): void {
  const byId = new Map(found.map((turn) => [turn.intent.id, turn]));
  expect(byId.size).toBe(found.length);
  for (const { intent, deltas } of found) {
    const texts = deltas.map((delta) => ('text' in delta ? delta.text.split(' ', 2).join(' ') : delta.type));
    expect(texts).toEqual(deltas.map((_, n) => `${intent.metadata.time} ${n}`));
  }
  for (const id of ended.slice(0, -AT_ONCE)) expect(byId.has(id)).toBe(false);
  for (const [id, { time, deltas }] of open) {
    const turn = byId.get(id);
    expect(turn).toBeDefined();
    // It may have gone on after what was printed last.
    if (Number(turn?.intent.metadata.time) === time)
      expect(turn?.deltas.length).toBeGreaterThanOrEqual(deltas);
    else expect(Number(turn?.intent.metadata.time)).toBeGreaterThan(time);
  }
}

describe('file journal: a process killed with -9', () => {
  test.each([8 * 1024 * 1024, 50_000])('leaves every accepted entry (segments of %d bytes)', async (size) => {
    const accepted = certain(read(await killOnce(start(size), lines(2000))));
    const { journal, members } = await journals.start();
    const turns = await journal.inherit();
    expect(turns.length).toBeGreaterThan(20);
    expectWhole(turns, accepted);
    for (const { intent } of turns) journal.end(intent.id);
    expect(await journal.inherit()).toEqual([]);
    expect(journals.files('.log')).toEqual([]);
    expect(journals.files('.lock')).toHaveLength(1);
    expect(await members.isAlive(accepted.instance)).toBe(false);
  });

  test('leaves what it had inherited and gone on with', async () => {
    const sum: Accepted = { instance: '', open: new Map(), ended: [] };
    for (let life = 0; life < 4; life++) {
      const { instance, open, ended } = certain(read(await killOnce(start(50_000), lines(2000))));
      sum.instance = instance;
      for (const id of ended) sum.open.delete(id);
      for (const [id, known] of open) sum.open.set(id, known);
      sum.ended.push(...ended.slice(0, -AT_ONCE));
    }
    const { journal, members } = await journals.start();
    const turns = await journal.inherit();
    expect(await members.isAlive(sum.instance)).toBe(false);
    expect(journals.files('.lock')).toHaveLength(1);
    expect(turns.some(({ deltas }) => deltas.length > 30)).toBe(true);
    expectWhole(turns, sum);
  });

  test('is not mistaken for a living one, nor a living one for it', async () => {
    const { child, printed } = await startAndPause(50);
    const accepted = read(printed);
    const { journal, members } = await journals.start();
    expect(await journal.inherit()).toEqual([]);
    expect(await members.isAlive(accepted.instance)).toBe(true);
    expect(await journal.inherit()).toEqual([]);
    child.kill('SIGKILL');
    await child.exited;
    expect(await members.isAlive(accepted.instance)).toBe(false);
    const turns = await journal.inherit();
    expect(turns.length).toBeGreaterThan(10);
    expectWhole(turns, accepted);
    expect(await members.isAlive(accepted.instance)).toBe(false);
  });

  test('leaves nothing behind where it left no turns', async () => {
    const { child, printed } = await startAndPause(0);
    child.kill('SIGKILL');
    await child.exited;
    const { journal, members } = await journals.start();
    expect(journals.files('.lock')).toHaveLength(2);
    expect(await journal.inherit()).toEqual([]);
    expect(await members.isAlive(read(printed).instance)).toBe(false);
    expect(journals.files('')).toEqual(journals.files(`${members.self}.lock`));
  });

  test('is known to be dead though its successor is killed before it has succeeded it', async () => {
    const accepted = certain(read(await killOnce(start(50_000), lines(2000))));
    const successor = Bun.spawn([process.execPath, SUCCESSOR, journals.dataDir()], { stdout: 'pipe' });
    const { journal, members } = await journals.start();
    await killOnce(successor, (printed) => printed.includes('removing'));
    expect(await members.isAlive(accepted.instance)).toBe(false);
    expectWhole(await journal.inherit(), accepted);
    expect(await members.isAlive(accepted.instance)).toBe(false);
    expect(journals.files('.lock')).toHaveLength(1);
  });

  test('had turns that another process can read while it lives, and when it is dead', async () => {
    const { child, printed } = await startAndPause(50);
    const accepted = read(printed);
    const { feed } = await journals.start();
    const found = async () => {
      const turns = await Promise.all([...accepted.open.keys()].map((id) => feed.find(id)));
      return turns.filter((turn) => turn !== undefined);
    };
    const living = await found();
    expect(living).toHaveLength(accepted.open.size);
    expectWhole(living, accepted);
    child.kill('SIGKILL');
    await child.exited;
    expect(await found()).toEqual(living);
    const turns = await (await journals.start()).journal.inherit();
    expect(await found()).toEqual(living);
    expect(turns.length).toBeGreaterThanOrEqual(living.length);
  });
});

describe('file journal: a process that starts', () => {
  test('is not disturbed by others that look for dead ones', async () => {
    const { journal, members } = await journals.start();
    let starting = true;
    const printed = untilDone(run([OPENER, journals.dataDir()])).finally(() => {
      starting = false;
    });
    while (starting) {
      expect(await journal.inherit()).toEqual([]);
      await Bun.sleep(0);
    }
    const started = (await printed).split('\n').slice(0, 300);
    for (const instance of started) expect(await members.isAlive(instance)).toBe(true);
  });
});

describe('file journal: a full disk', () => {
  test('refuses what cannot be written and leaves whole lines', async () => {
    // Files may grow to 16 kB, then writes are cut short and fail, as they do on a full disk.
    const writer = `exec '${process.execPath}' '${WRITER}' '${journals.dataDir()}' 8388608 20`;
    const command = `trap '' XFSZ; ulimit -f 16; ${writer}`;
    const child = Bun.spawn(['bash', '-c', command], { stdout: 'pipe' });
    const printed = await killOnce(child, (text) => text.includes('done'));
    expect(printed).toContain('refused');
    const text = readFileSync(journals.files('.log')[0]!, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.trim().split('\n')) expect(Array.isArray(JSON.parse(line))).toBe(true);
    const turns = await (await journals.start()).journal.inherit();
    const { open } = read(printed);
    expectWhole(turns, read(printed));
    for (const { intent, deltas } of turns.filter(({ intent }) => open.has(intent.id))) {
      expect(deltas).toHaveLength(open.get(intent.id)!.deltas);
    }
  });
});
