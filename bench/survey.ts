import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { newSessionId, newTurnId } from '../src/core/ids.ts';
import type { Tenant } from '../src/core/request.ts';
import type { SessionFilter } from '../src/session/survey-store.ts';
import { surveyedTurn } from '../src/session/surveyed-turn.ts';
import type { TurnSuffix } from '../src/stores/sqlite/columns.ts';
import { openDatabase } from '../src/stores/sqlite/database-file.ts';
import { Operations } from '../src/stores/sqlite/operations.ts';
import { Statements } from '../src/stores/sqlite/statements.ts';
import { Phrases } from '../src/stores/sqlite/survey/phrases.ts';
import { openSurvey } from '../src/stores/sqlite/survey/survey-file.ts';
import { SurveyReader } from '../src/stores/sqlite/survey/survey-reader.ts';
import { SurveyWriter } from '../src/stores/sqlite/survey/survey-writer.ts';
import { Terms } from '../src/stores/sqlite/survey/terms.ts';
import { temporaryDirectory } from './processes.ts';

/**
 * What the survey costs and how fast it answers: `bun bench/survey.ts [sessions]`. Fills a log with sessions of one
 * turn each, half of them with a record, makes the survey of it, and asks it.
 */

const SESSIONS = Number(process.argv[2] ?? 1_000_000);
const QUERIES = 100;
const AIM_MS = 100;
const TENANT = 'default' as Tenant;
const NOW = Date.UTC(2026, 0, 1);
const WORDS = 50_000;

const folder = temporaryDirectory();
const logPath = join(folder, 'clawhold.db');
const path = join(folder, 'survey.db');

/** The same numbers at every run. */
let state = 42;
const random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
};
/** A few words are common, most are rare. */
const word = () => `w${Math.floor(WORDS ** random())}`;
const sentence = (length: number) => Array.from({ length }, word).join(' ');
const one = <T>(list: readonly T[]): T => list[Math.floor(list.length * random() ** 2)]!;
const MODELS = Array.from({ length: 40 }, (_, index) => `model-${index}`);
const KEYS = Array.from({ length: 50 }, (_, index) => `key-${index}`);

function fill(): void {
  const db = openDatabase(logPath);
  const { turns } = new Operations(db);
  const block = db.transaction((from: number, to: number) => {
    for (let number = from; number < to; number++) addSession(turns, number);
  });
  for (let from = 0; from < SESSIONS; from += 10_000) block(from, Math.min(SESSIONS, from + 10_000));
  db.run('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}

function addSession(turns: Operations['turns'], number: number): void {
  const createdAt = NOW + number * 1_000;
  const session = newSessionId(createdAt);
  const id = newTurnId(session, createdAt).slice(session.length) as TurnSuffix;
  const failed = number % 500 === 0;
  const model = one(MODELS);
  const body = JSON.stringify({
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: sentence(15) }] }],
    output: [
      {
        type: 'message',
        role: 'assistant',
        content: [{ type: 'output_text', text: sentence(40), annotations: [] }],
      },
    ],
    key: one(KEYS),
    user: `user-${Math.floor(random() * 20_000)}`,
    completedAt: createdAt + 900,
    provider: 'openai',
    protocol: 'openai-chat',
    servedModel: model,
    usage: { input: 100, output: 50, cacheRead: 20, cacheWrite: 0, reasoning: 0 },
    cost: Math.floor(1e6 * random() ** -0.5),
    receipt: { retries: 0, firstDeltaMs: 300 * random() },
    ...(failed && {
      error: { code: number % 5_000 === 0 ? 'rate_limited' : 'provider_error', message: 'It failed.' },
    }),
  });
  if (number % 2 === 0)
    turns.createSession({
      ...{ tenant: TENANT, id: session, name: `caller-${number}`, createdAt, head: id, main: 0, edits: 0 },
      ...{ metadata: null, tags: number % 10_000 === 0 ? '["vip"]' : null },
    });
  turns.commitTurn({
    ...{
      tenant: TENANT,
      session,
      id,
      parent: null,
      createdAt,
      state: failed ? 2 : 0,
      dialect: 'chat',
      listed: 0,
    },
    ...{ deleted: 0, model: `openai/${model}`, tokens: 150, totalTokens: 150, digest: 'abcd', line: 0 },
    ...{ metadata: null, hidden: null, body },
  });
}

function survey() {
  const db = openSurvey(path, logPath);
  const statements = new Statements(db);
  const terms = new Terms(statements);
  const writer = new SurveyWriter(db, statements, terms, surveyedTurn);
  const from = process.cpuUsage();
  for (let step = 0; writer.step(); step++) if (step % 1_000 === 0) process.stderr.write('.');
  const { user, system } = process.cpuUsage(from);
  console.log(`survey: ${((user + system) / SESSIONS).toFixed(1)} µs of CPU per turn, in its own thread`);
  console.log(`survey.db: ${(statSync(path).size / SESSIONS).toFixed(0)} bytes per session and turn`);
  console.log(`clawhold.db: ${(statSync(logPath).size / SESSIONS).toFixed(0)} bytes per session and turn`);
  return new SurveyReader(statements, terms, surveyedTurn, new Phrases(db, statements));
}

function measure(what: string, ask: (round: number) => { entries: unknown[] }): void {
  const times: number[] = [];
  let entries = 0;
  for (let round = 0; round < QUERIES; round++) {
    const from = performance.now();
    entries += ask(round).entries.length;
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.ceil(share * QUERIES) - 1]!.toFixed(1);
  const mark = Number(at(0.95)) <= AIM_MS ? 'ok' : 'TOO SLOW';
  console.log(
    `${what.padEnd(44)} p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, ${entries / QUERIES} entries  ${mark}`,
  );
}

try {
  fill();
  console.log(`filled ${SESSIONS} sessions`);
  const reader = survey();
  const list = (filter: SessionFilter) => reader.sessions(TENANT, filter, { limit: 50 });
  measure('list', () => list({}));
  measure('list, a page deep in it', (round) =>
    reader.sessions(TENANT, {}, { limit: 50, after: [NOW + round * 7_000_000, 1] }),
  );
  measure('by model', () => list({ model: `openai/${one(MODELS)}` }));
  measure('by key and model', () => list({ key: one(KEYS), model: `openai/${one(MODELS)}` }));
  measure('by user (about 50 sessions)', (round) => list({ user: `user-${round}` }));
  measure('by state failed', () => list({ state: 'failed' }));
  measure('by rare error', () => list({ error: 'rate_limited' }));
  measure('by tag', () => list({ tag: 'vip' }));
  measure('by name', (round) => list({ name: `caller-${round * 200}` }));
  measure('by beginning of a name', (round) => list({ name: `caller-${10 + (round % 90)}*` }));
  measure('by cost', () => list({ minCost: 3e8 }));
  measure('by a common cost', () => list({ minCost: 2e6 }));
  measure('by time', (round) => list({ since: NOW + round * 1e6, until: NOW + round * 1e6 + 3.6e6 }));
  measure('by key, cost and time, without a match', () => list({ key: 'key-1', minCost: 2e6, until: NOW }));
  const search = (...phrases: string[]) => reader.search(TENANT, { phrases, limit: 20 });
  measure('search for a rare word', (round) => search(`w${40_000 + round}`));
  measure('search for a common word', (round) => search(`w${1 + round}`));
  measure('search for two words', () => search(word(), word()));
  measure('search for three rare words', () =>
    search(`w${30_000 + Math.floor(random() * 9_000)}`, 'w31000', 'w32000'),
  );
  measure('search for a phrase', () => search(`${word()} ${word()}`));
  measure('search for a beginning', (round) => search(`w4${round}*`));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
