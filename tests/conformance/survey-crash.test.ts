import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { newSessionId } from '../../src/core/ids.ts';
import { emptySums } from '../../src/core/usage-sums.ts';
import { SqliteStore } from '../../src/stores/sqlite/store.ts';
import { SqliteSurvey } from '../../src/stores/sqlite/survey/survey.ts';
import { databasePaths, someTurns } from './sqlite-files.ts';
import { ACME, aTurn, NOW } from './turn-rows.ts';

const freshPath = databasePaths();
const WRITER = join(import.meta.dir, 'children', 'survey-writer.ts');
const WORKER = new URL('../../src/composition/survey-worker.ts', import.meta.url).href;
const TURNS = 3_000;
const NO_LABELS = { key: '', user: '', model: '', claw: '', alias: '' };
/** The index of words of version 1 of the survey. */
const VERSION_1 = `CREATE VIRTUAL TABLE words USING fts5 (tenant, text,
  content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2')`;
const ALL = { fromHour: 0, untilHour: 10_000_000, where: {}, by: [] } as const;

function openSurveyOf(log: SqliteStore, logPath: string): SqliteSurvey {
  return SqliteSurvey.open({
    follows: true,
    path: join(dirname(logPath), 'survey.db'),
    logPath,
    start: () => new Worker(WORKER),
    forget: (until) => log.forgetChanges(until),
  });
}

/** Their ids, by the nice values of all threads of this process (proc(5), `stat`). */
function threadsOfLowPriority(): string[] {
  return readdirSync('/proc/self/task').filter((thread) => {
    try {
      const [, afterName] = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ');
      return Number(afterName!.split(' ')[16]) > 0;
    } catch {
      // The thread has ended.
      return false;
    }
  });
}

async function filledLog(logPath: string): Promise<SqliteStore> {
  const log = await SqliteStore.open(logPath);
  const text = (word: string) => [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: word }] },
  ];
  const usage = { input: 10, output: 1, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  for (let n = 0; n < TURNS; n++) {
    const body = JSON.stringify({
      input: text(`common w${n}`),
      provider: 'p',
      completedAt: NOW,
      usage,
      cost: 1,
    });
    void log.commitTurn(aTurn(newSessionId(NOW + n), null, { body }));
  }
  // Its body is none: the survey goes on after it.
  await log.commitTurn(someTurns(1)[0]!);
  await log.commitTurn(aTurn(newSessionId(NOW), null, { body: '' }));
  return log;
}

describe('the survey', () => {
  test.if(process.platform === 'linux')('leaves the processor to threads that answer turns', async () => {
    const before = threadsOfLowPriority();
    const logPath = freshPath();
    const log = await SqliteStore.open(logPath);
    const survey = openSurveyOf(log, logPath);
    await survey.refresh();
    const [thread] = threadsOfLowPriority().filter((id) => !before.includes(id));
    expect(thread).toBeDefined();
    await survey.close();
    await log.close();
  });

  test('counts every turn once, however often its process is killed', async () => {
    const logPath = freshPath();
    const log = await filledLog(logPath);
    const path = join(dirname(logPath), 'survey.db');
    for (let kills = 0; kills < 12; kills++) {
      const child = Bun.spawn([process.execPath, WRITER, path, logPath], {
        stdout: 'pipe',
        stderr: 'inherit',
      });
      await child.stdout.getReader().read();
      await Bun.sleep(kills * 3);
      child.kill(9);
      await child.exited;
    }
    const survey = openSurveyOf(log, logPath);
    await survey.refresh();
    const [sums] = await survey.usage(ALL);
    expect(sums).toMatchObject({ turns: TURNS, input: 10 * TURNS, cost: TURNS });
    for (const n of [0, 1_234, TURNS - 1]) {
      const { entries } = await survey.search(ACME, { phrases: [`w${n}`], limit: 9 });
      expect(entries).toHaveLength(1);
    }
    await survey.close();
    await log.close();
  }, 60_000);

  test('is made again where its file is damaged or missing', async () => {
    const logPath = freshPath();
    const log = await filledLog(logPath);
    writeFileSync(
      join(dirname(logPath), 'survey.db'),
      'not a database, and longer than a header of one'.repeat(99),
    );
    const survey = openSurveyOf(log, logPath);
    await survey.refresh();
    expect((await survey.usage(ALL))[0]?.turns).toBe(TURNS);
    await survey.close();
    await log.close();
  }, 60_000);

  test('of version 1 gets its words anew, keeps its sums, and gives back its pages', async () => {
    const logPath = freshPath();
    const path = join(dirname(logPath), 'survey.db');
    const log = await filledLog(logPath);
    const [kept] = someTurns(1);
    const first = openSurveyOf(log, logPath);
    await first.refresh();
    const sums = { ...emptySums(), turns: 7, hour: 1, labels: { tenant: ACME, ...NO_LABELS } };
    await first.count([sums]);
    await first.close();
    const db = new Database(path);
    db.run('DROP TABLE words');
    db.run(VERSION_1);
    for (let place = 1; place <= TURNS; place++)
      db.run('INSERT INTO words (rowid, tenant, text) VALUES (?, ?, ?)', [
        place,
        't1',
        `common w${place} `.repeat(20),
      ]);
    db.run('PRAGMA user_version = 1');
    db.run('PRAGMA auto_vacuum = NONE');
    db.run('VACUUM');
    db.close();
    const survey = openSurveyOf(log, logPath);
    await log.commitTurn(kept!);
    await survey.refresh();
    const all = await survey.usage(ALL);
    expect(all.reduce((turns, row) => turns + row.turns, 0)).toBe(TURNS + 7);
    expect((await survey.search(ACME, { phrases: ['w1234'], limit: 9 })).entries).toHaveLength(1);
    expect((await survey.search(ACME, { phrases: ['common w1234'], limit: 9 })).entries).toHaveLength(1);
    expect((await survey.search(ACME, { phrases: ['w1234 common'], limit: 9 })).entries).toHaveLength(0);
    await survey.close();
    await log.close();
    const after = new Database(path, { readonly: true });
    expect(after.query('PRAGMA auto_vacuum').get()).toEqual({ auto_vacuum: 2 });
    const { unused, pages } = after
      .query(
        'SELECT freelist_count AS unused, page_count AS pages FROM pragma_freelist_count, pragma_page_count',
      )
      .get() as { unused: number; pages: number };
    expect(unused).toBeLessThan(pages / 4);
    after.close();
  }, 60_000);
});
