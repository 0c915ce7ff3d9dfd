import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newSessionId } from '../../../src/core/ids.ts';
import { surveyedTurn } from '../../../src/session/surveyed-turn.ts';
import { Statements } from '../../../src/stores/sqlite/statements.ts';
import { SqliteStore } from '../../../src/stores/sqlite/store.ts';
import { openSurvey } from '../../../src/stores/sqlite/survey/survey-file.ts';
import { SurveyWriter } from '../../../src/stores/sqlite/survey/survey-writer.ts';
import { Terms } from '../../../src/stores/sqlite/survey/terms.ts';
import { aSession, aTurn, NOW } from '../../conformance/turn-rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'clawhold-survey-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A part is made of what FTS5 has gathered; many small parts cost their making, and are joined again and again. */
test('a step of the survey adds one part to the index of words, whatever is new in it', async () => {
  const logPath = join(folder, 'clawhold.db');
  const log = await SqliteStore.open(logPath);
  for (let n = 0; n < 60; n++) {
    const session = aSession({ id: newSessionId(NOW + n), createdAt: NOW + n, tags: [`tag-${n}`] });
    const content = [{ type: 'input_text', text: `common w${n}` }];
    const input = [{ type: 'message', role: 'user', content }];
    const usage = { input: 10, output: 1, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
    const body = { input, provider: 'p', completedAt: NOW, usage, cost: 1, key: 'k', user: `user-${n}` };
    if (n % 2 === 0) await log.createSession(session);
    await log.commitTurn(aTurn(session.id, null, { body: JSON.stringify(body) }));
  }
  const db = openSurvey(join(folder, 'survey.db'), logPath);
  const statements = new Statements(db);
  const writer = new SurveyWriter(db, statements, new Terms(statements), surveyedTurn);
  expect(writer.step()).toBe(true);
  expect(writer.step()).toBe(false);
  const count = (sql: string) => (db.query(sql).get() as { n: number }).n;
  expect(count(`SELECT count(*) AS n FROM words('common')`)).toBe(60);
  expect(count('SELECT count(DISTINCT segid) AS n FROM words_idx')).toBe(1);
  expect(count('SELECT count(*) AS n FROM summaries')).toBe(60);
  expect(count('SELECT sum(turns) AS n FROM usage')).toBe(60);
  statements.finalize();
  db.close();
  await log.close();
});
