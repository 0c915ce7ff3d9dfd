import { afterAll, afterEach, beforeEach, describe, expect, test } from 'bun:test';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Intent } from '../../src/core/turn.ts';
import type { Unfinished } from '../../src/session/journal.ts';
import { FileJournal } from '../../src/stores/files/journal.ts';
import { killOnce, lines } from './children/kill.ts';
import { anIntent, textDelta } from './journal.ts';
import { faultOf, NOW } from './turn-rows.ts';

const root = mkdtempSync(join(tmpdir(), 'clawhold-journal-'));
afterAll(() => rmSync(root, { recursive: true }));

const WRITER = join(import.meta.dir, 'children', 'journal-writer.ts');

let dataDir: string;
let opened: FileJournal[];
beforeEach(() => {
  dataDir = mkdtempSync(join(root, 'd-'));
  opened = [];
});
afterEach(async () => {
  for (const journal of opened) await journal.close();
});

function openJournal(segmentBytes?: number): FileJournal {
  const journal = FileJournal.open(dataDir, segmentBytes);
  opened.push(journal);
  return journal;
}

const files = (ending: string) =>
  readdirSync(join(dataDir, 'journal'))
    .filter((name) => name.endsWith(ending))
    .map((name) => join(dataDir, 'journal', name));

function begin(journal: FileJournal, createdAt = NOW): Intent {
  const intent = anIntent(createdAt);
  journal.begin(intent);
  return intent;
}

interface Printed {
  begun: string[];
  ended: Set<string>;
  deltas: Map<string, number>;
}

function read(printed: string): Printed {
  const lines = printed.slice(0, printed.lastIndexOf('\n')).split('\n');
  const ids = (kind: string) =>
    lines.filter((line) => line.startsWith(kind)).map((line) => line.split(' ')[1]!);
  const deltas = new Map<string, number>();
  for (const id of ids('delta')) deltas.set(id, (deltas.get(id) ?? 0) + 1);
  return { begun: ids('begin'), ended: new Set(ids('end')), deltas };
}

/** That nothing accepted is missing, and nothing ended is there but what ended last: an end waits for the next line. */
function expectWhole(found: Unfinished[], { begun, ended, deltas }: Printed): void {
  const byId = new Map<string, Unfinished>(found.map((entry) => [entry.intent.id, entry]));
  for (const id of [...ended].slice(0, -4)) expect(byId.has(id)).toBe(false);
  // What was printed last may have gone on, and ended, before the process died.
  for (const id of begun.slice(0, -40).filter((id) => !ended.has(id))) {
    expect(byId.get(id)?.deltas).toHaveLength(deltas.get(id) ?? 0);
  }
}

describe('file journal: a process killed with -9', () => {
  test.each([8 * 1024 * 1024, 50_000])('leaves every accepted entry (segments of %d bytes)', async (size) => {
    const child = Bun.spawn([process.execPath, WRITER, dataDir, String(size)], { stdout: 'pipe' });
    const printed = read(await killOnce(child, lines(2000)));
    const journal = openJournal();
    const found = await journal.unfinished();
    expectWhole(found, printed);
    for (const { intent } of found) journal.end(intent.id);
    expect(await journal.unfinished()).toEqual([]);
    expect(files('.log')).toEqual([]);
    expect(files('.lock')).toHaveLength(1);
  });

  test('is not mistaken for a living one, nor a living one for it', async () => {
    const child = Bun.spawn([process.execPath, WRITER, dataDir, '50000', '50'], { stdout: 'pipe' });
    const reader = child.stdout.getReader();
    let printed = '';
    while (!printed.includes('done')) printed += new TextDecoder().decode((await reader.read()).value);
    const journal = openJournal();
    expect(await journal.unfinished()).toEqual([]);
    child.kill('SIGKILL');
    await child.exited;
    const found = await journal.unfinished();
    expect(found.length).toBeGreaterThan(10);
    expectWhole(found, read(printed));
  });

  test('is inherited by one of its successors only', async () => {
    const dead = FileJournal.open(dataDir);
    begin(dead);
    await dead.close();
    const heirs = [openJournal(), openJournal()];
    const found = await Promise.all(heirs.map((heir) => heir.unfinished()));
    expect(found.map((entries) => entries.length)).toEqual([1, 0]);
  });
});

describe('file journal: damage', () => {
  async function left(write: (journal: FileJournal) => void): Promise<string> {
    const journal = FileJournal.open(dataDir);
    write(journal);
    await journal.close();
    return files('.log')[0]!;
  }

  test('of a last line that was cut short is taken off', async () => {
    let intent: Intent | undefined;
    const path = await left((journal) => {
      intent = begin(journal);
      journal.append(intent.id, [textDelta('whole')]);
    });
    appendFileSync(path, `["deltas","${intent!.id}",[{"type":"text-de`);
    const heir = openJournal();
    expect(await heir.unfinished()).toEqual([{ intent: intent!, deltas: [textDelta('whole')] }]);
    heir.append(intent!.id, [textDelta('next')]);
    expect(await heir.unfinished()).toEqual([
      { intent: intent!, deltas: [textDelta('whole'), textDelta('next')] },
    ]);
  });

  test('within ends what is known of the turns that were open there', async () => {
    let before: Intent | undefined;
    let after: Intent | undefined;
    const path = await left((journal) => {
      before = begin(journal);
      journal.append(before.id, [textDelta('one')]);
      journal.append(before.id, [textDelta('two')]);
      journal.append(before.id, [textDelta('three')]);
      after = begin(journal, NOW + 1);
      journal.append(after.id, [textDelta('later')]);
    });
    const rows = readFileSync(path, 'utf8').split('\n');
    rows[2] = '\0'.repeat(rows[2]!.length);
    writeFileSync(path, rows.join('\n'));
    expect(await openJournal().unfinished()).toEqual([
      { intent: before!, deltas: [textDelta('one')] },
      { intent: after!, deltas: [textDelta('later')] },
    ]);
  });

  test('by a full disk refuses what cannot be written and leaves whole lines', async () => {
    // Files may grow to 16 kB, then writes are cut short and fail, as they do on a full disk.
    const writer = `exec '${process.execPath}' '${WRITER}' '${dataDir}' 8388608 20`;
    const command = `trap '' XFSZ; ulimit -f 16; ${writer}`;
    const child = Bun.spawn(['bash', '-c', command], { stdout: 'pipe' });
    const printed = await killOnce(child, (text) => text.includes('done'));
    expect(printed).toContain('refused');
    const text = readFileSync(files('.log')[0]!, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    for (const line of text.trim().split('\n')) expect(Array.isArray(JSON.parse(line))).toBe(true);
    const found = await openJournal().unfinished();
    const { deltas } = read(printed);
    for (const { intent, deltas: kept } of found) expect(kept).toHaveLength(deltas.get(intent.id) ?? 0);
  });
});

describe('file journal: segments', () => {
  test('are few and small when turns end', async () => {
    const journal = openJournal(10_000);
    for (let i = 0; i < 1000; i++) {
      const intent = begin(journal);
      journal.append(intent.id, [textDelta('x'.repeat(500))]);
      journal.end(intent.id);
    }
    const [size, ...others] = files('.log').map((path) => statSync(path).size);
    expect(others).toEqual([]);
    expect(size).toBeLessThan(11_000);
    await journal.close();
    expect(readdirSync(join(dataDir, 'journal'))).toEqual([]);
  });

  test('rotate, and go when their own turns have ended, however long another runs', async () => {
    const journal = openJournal(10_000);
    const long = begin(journal);
    let running: Intent[] = [];
    for (let round = 0; round < 50; round++) {
      const next = Array.from({ length: 8 }, () => begin(journal));
      for (const intent of next) journal.append(intent.id, [textDelta('x'.repeat(500))]);
      for (const intent of running) journal.end(intent.id);
      journal.append(long.id, [textDelta(`${round}`)]);
      running = next;
      expect(files('.log').length).toBeLessThanOrEqual(4);
    }
    for (const intent of running) journal.end(intent.id);
    await journal.close();
    const [entry, ...others] = await openJournal().unfinished();
    expect(others).toEqual([]);
    expect(entry?.intent).toEqual(long);
    expect(entry?.deltas).toHaveLength(50);
  });

  test('are not written after close', async () => {
    const journal = openJournal();
    await journal.close();
    expect(() => begin(journal)).toThrow('The journal is closed.');
  });

  test('that cannot be read are an error', async () => {
    const journal = openJournal();
    rmSync(join(dataDir, 'journal'), { recursive: true });
    expect(await faultOf(journal.unfinished())).toBe('store_unavailable');
    expect(() => begin(journal)).toThrow('The journal cannot be written');
  });
});
