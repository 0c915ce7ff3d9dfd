import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { newSessionId, type SessionId } from '../../src/core/ids.ts';
import type { Tenant } from '../../src/core/request.ts';
import { percentile } from '../../src/core/usage-sums.ts';
import type { SessionFilter, SurveyCursor, SurveyStore } from '../../src/session/survey-store.ts';
import type { TurnLog, TurnRow } from '../../src/session/turn-log.ts';
import { ACME, aSession, aTurn, GLOBEX, NOW } from './turn-rows.ts';

/** A survey and the log that it is made from. */
export interface SurveyUnderTest {
  log: TurnLog;
  survey: SurveyStore;
}

const HOUR = Math.floor(NOW / 3_600_000);
const ALL_HOURS = { fromHour: 0, untilHour: HOUR + 1_000 };

interface Said {
  text?: string;
  answer?: string;
  model?: string;
  key?: string;
  user?: string;
  cost?: number;
  at?: number;
  error?: string;
  origin?: unknown;
}

/** A turn of a session with a question and an answer. */
function said(session: SessionId, parent: TurnRow | null, what: Said = {}, fields: Partial<TurnRow> = {}) {
  const { text = 'hello', answer = 'hi', model = 'gpt-5', key = 'root', user, cost = 1_000, error } = what;
  const createdAt = what.at ?? (parent ? parent.createdAt + 10 : NOW);
  const body = {
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] }],
    output: [
      {
        type: 'message',
        role: 'assistant',
        content: [{ type: 'output_text', text: answer, annotations: [] }],
      },
    ],
    key,
    ...(user && { user }),
    completedAt: createdAt + 800,
    provider: 'openai',
    protocol: 'openai-chat',
    servedModel: model,
    usage: { input: 10, output: 5, cacheRead: 4, cacheWrite: 0, reasoning: 1 },
    cost,
    receipt: { retries: 0, firstDeltaMs: 100, route: { alias: 'smart', strategy: 'order', reason: 'first' } },
    ...(error && { error: { code: error, message: 'It failed.' } }),
    ...(what.origin !== undefined && { origin: what.origin }),
  };
  return aTurn(session, parent, {
    createdAt,
    model,
    state: error ? 'failed' : 'completed',
    body: JSON.stringify(body),
    ...fields,
  });
}

/** What every `SurveyStore` does. */
export function surveyStoreConformance(name: string, make: () => Promise<SurveyUnderTest>): void {
  describe(`${name}: the survey`, () => {
    let log: TurnLog;
    let survey: SurveyStore;

    beforeEach(async () => {
      ({ log, survey } = await make());
    });
    afterEach(async () => {
      await survey.close();
      await log.close();
    });

    const page = { limit: 10 };
    const make1 = async (fields: Parameters<typeof aSession>[0] = {}, what: Said = {}) => {
      const { id } = await log.createSession(aSession({ id: newSessionId(NOW), ...fields }));
      const row = said(id, null, what, { tenant: fields?.tenant ?? ACME });
      await log.commitTurn(row, { move: { from: null } });
      return { id, row };
    };
    const listed = async (filter: SessionFilter = {}, tenant: Tenant = ACME) => {
      await survey.refresh();
      return (await survey.sessions(tenant, filter, page)).entries.map(({ id }) => id);
    };
    const found = async (...phrases: string[]) => {
      await survey.refresh();
      return (await survey.search(ACME, { phrases, limit: 10 })).entries.map(({ row }) => row.id);
    };

    test('has a summary of each session: sums, and the latest turn', async () => {
      const { id, row } = await make1({ name: 'trip', metadata: { a: 'b' } }, { user: 'u1' });
      const next = said(id, row, { model: 'gpt-6', key: 'web', error: 'rate_limited', cost: 500 });
      await log.commitTurn(next, { move: { from: row.id } });
      await survey.refresh();
      expect(await survey.session(ACME, id)).toEqual({
        ...{ tenant: ACME, id, name: 'trip', tags: [], metadata: { a: 'b' }, hasRecord: true, head: next.id },
        ...{ createdAt: NOW, updatedAt: next.createdAt + 800, turns: 2, failed: 1 },
        ...{ input: 20, output: 10, cost: 1_500, model: 'openai/gpt-6', key: 'web', user: 'u1' },
        ...{ state: 'failed', error: 'rate_limited' },
      });
      expect(await survey.session(GLOBEX, id)).toBeUndefined();
    });

    test('lists sessions by their latest turns, in pages, within a tenant', async () => {
      const made: SessionId[] = [];
      for (let i = 0; i < 5; i++) made.push((await make1({}, { at: NOW + i * 1_000 })).id);
      await make1({ tenant: GLOBEX });
      const chain = said(newSessionId(NOW), null, { at: NOW + 9_000 });
      await log.commitTurn(chain);
      await survey.refresh();
      const all: SessionId[] = [];
      let after: SurveyCursor | undefined;
      do {
        const { entries, next } = await survey.sessions(ACME, {}, { limit: 2, ...(after && { after }) });
        expect(entries.length).toBeLessThanOrEqual(2);
        all.push(...entries.map(({ id }) => id));
        after = next;
      } while (after);
      expect(all).toEqual([chain.session, ...made.reverse()]);
      expect((await survey.session(ACME, chain.session))?.hasRecord).toBe(false);
      expect((await survey.tenants()).sort()).toEqual([ACME, GLOBEX]);
    });

    test('lists an empty session, and none that was deleted or erased', async () => {
      const { id: empty } = await log.createSession(aSession());
      const { id: erased } = await make1();
      const { id: deleted, row } = await make1();
      expect(await listed()).toContain(empty);
      await log.erase(ACME, erased);
      await log.deleteSession(ACME, deleted);
      await log.deleteSession(ACME, empty);
      // Its turn can be fetched all the same.
      expect(await listed()).toEqual([deleted]);
      await log.amendTurn(ACME, row.id, { deleted: true });
      expect(await listed()).toEqual([]);
    });

    test('filters', async () => {
      const a = await make1({ name: 'trip-1' }, { model: 'a', key: 'k1', user: 'ann', cost: 5, at: NOW });
      const b = await make1({ name: 'trip-2' }, { model: 'b', key: 'k2', cost: 50, at: NOW + 1_000 });
      const c = await make1(
        { name: 'other' },
        { model: 'a', key: 'k2', error: 'rate_limited', at: NOW + 2_000 },
      );
      await log.labelSession(ACME, b.id, { name: 'trip-2', tags: ['vip', 'eu'] });
      expect(await listed({ model: 'openai/a' })).toEqual([c.id, a.id]);
      expect(await listed({ model: 'openai/a', key: 'k2' })).toEqual([c.id]);
      expect(await listed({ claw: 'openai', alias: 'smart' })).toEqual([c.id, b.id, a.id]);
      expect(await listed({ user: 'ann' })).toEqual([a.id]);
      expect(await listed({ tag: 'eu' })).toEqual([b.id]);
      expect(await listed({ state: 'failed' })).toEqual([c.id]);
      expect(await listed({ error: 'rate_limited' })).toEqual([c.id]);
      expect(await listed({ error: 'never' })).toEqual([]);
      expect(await listed({ name: 'trip-*' })).toEqual([b.id, a.id]);
      expect(await listed({ name: 'trip-1' })).toEqual([a.id]);
      expect(await listed({ minCost: 50, maxCost: 999 })).toEqual([b.id]);
      expect(await listed({ maxCost: 5 })).toEqual([a.id]);
      expect(await listed({ minTokens: 16 })).toEqual([]);
      expect(await listed({ since: NOW + 1_800, until: NOW + 2_800 })).toEqual([b.id]);
      await log.labelSession(ACME, b.id, { name: 'trip-2', tags: [] });
      expect(await listed({ tag: 'eu' })).toEqual([]);
      expect(await listed({}, GLOBEX)).toEqual([]);
    });

    test('finds words of questions and answers, without case and accents, the latest first', async () => {
      const a = await make1({}, { text: 'Where is the Café in Zürich?', answer: 'Near the lake.' });
      const b = await make1({}, { text: 'nothing', answer: 'A CAFE is 咖啡店 here' });
      await make1({ tenant: GLOBEX }, { text: 'cafe' });
      expect(await found('cafe')).toEqual([b.row.id, a.row.id]);
      expect(await found('zurich', 'lake')).toEqual([a.row.id]);
      expect(await found('the cafe')).toEqual([a.row.id]);
      expect(await found('cafe the')).toEqual([]);
      expect(await found('zur*')).toEqual([a.row.id]);
      expect(await found('咖啡')).toEqual([b.row.id]);
      expect(await found('say "AND" OR NOT (x')).toEqual([]);
      const first = await survey.search(ACME, { phrases: ['cafe'], limit: 1 });
      expect(first.entries.map(({ row }) => row.id)).toEqual([b.row.id]);
      const second = await survey.search(ACME, { phrases: ['cafe'], limit: 1, after: first.next! });
      expect(second.entries.map(({ row }) => row.id)).toEqual([a.row.id]);
      const within = await survey.search(ACME, { phrases: ['cafe'], session: a.id, limit: 9 });
      expect(within.entries.map(({ row }) => row.id)).toEqual([a.row.id]);
    });

    test('finds the few turns that have a phrase among many that have its words', async () => {
      const a = await make1({}, { text: 'Tell me about the silver key, please.' });
      const { id } = await log.createSession(aSession({ id: newSessionId(NOW) }));
      await Promise.all(
        Array.from({ length: 1_250 }, (_, n) =>
          log.commitTurn(said(id, null, { text: `${n}: the key is silver` })),
        ),
      );
      const b = await make1({}, { text: 'key', answer: 'A SILVER, KEY-shaped cloud' });
      await survey.refresh();
      const pages: string[][] = [];
      let after: readonly [number, number] | undefined;
      do {
        const { entries, next } = await survey.search(ACME, { phrases: ['silver key'], limit: 5, after });
        pages.push(entries.map(({ row }) => row.id));
        after = next;
      } while (after);
      expect<string[]>(pages.flat()).toEqual([b.row.id, a.row.id]);
      expect(pages.length).toBeLessThan(4);
      expect(await found('silver key', 'cloud')).toEqual([b.row.id]);
      expect(await found('silver key-sh*')).toEqual([b.row.id]);
    });

    test('does not find what was hidden, deleted or erased', async () => {
      const a = await make1({}, { text: 'secret plan', answer: 'fine answer' });
      const b = await make1({}, { text: 'secret' });
      const c = await make1({}, { text: 'secret' });
      expect(await found('secret')).toHaveLength(3);
      await log.amendTurn(ACME, a.row.id, { hide: ['i0'] });
      await log.amendTurn(ACME, b.row.id, { deleted: true });
      await log.erase(ACME, c.id);
      expect(await found('secret')).toEqual([]);
      expect(await found('fine')).toEqual([a.row.id]);
    });

    test('takes a turn that gets the place of an erased one', async () => {
      const a = await make1({}, { text: 'first' });
      await survey.refresh();
      await log.erase(ACME, a.id);
      const b = await make1({}, { text: 'second' });
      expect(await found('second')).toEqual([b.row.id]);
      expect(await found('first')).toEqual([]);
      expect(await listed()).toEqual([b.id]);
    });

    test('lists turns that did not complete', async () => {
      await make1();
      const a = await make1({}, { error: 'rate_limited', at: NOW });
      const b = await make1({}, { error: 'provider_timeout', at: NOW + 5 });
      await survey.refresh();
      const first = await survey.failures(ACME, { limit: 1 });
      expect(first.entries.map(({ id }) => id)).toEqual([b.row.id]);
      const second = await survey.failures(ACME, { limit: 1, after: first.next! });
      expect(second.entries.map(({ id }) => id)).toEqual([a.row.id]);
      expect(second.next).toBeUndefined();
    });

    test('adds up usage by any names and hours, and keeps it when a session is erased', async () => {
      const a = await make1({}, { model: 'a', key: 'k1' });
      await make1({}, { model: 'b', key: 'k1', at: NOW + 3_600_000 });
      await make1({ tenant: GLOBEX }, { model: 'a', error: 'rate_limited' });
      await make1({}, { origin: { kind: 'import' } });
      await survey.refresh();
      await log.erase(ACME, a.id);
      await survey.refresh();
      const [all] = await survey.usage({ ...ALL_HOURS, where: {}, by: [] });
      expect(all).toMatchObject({ turns: 3, failed: 1, input: 30, output: 15, cacheRead: 12, cost: 3_000 });
      expect(percentile(all!.total, 0.5)).toBeWithin(760, 840);
      expect(percentile(all!.first, 0.95)).toBeWithin(95, 105);
      const byModel = await survey.usage({ ...ALL_HOURS, where: { tenant: ACME }, by: ['model', 'key'] });
      expect(
        byModel
          .map(({ labels, turns }) => ({ ...labels, turns }))
          .sort((x, y) => (x.model! < y.model! ? -1 : 1)),
      ).toEqual([
        { model: 'openai/a', key: 'k1', turns: 1 },
        { model: 'openai/b', key: 'k1', turns: 1 },
      ]);
      const byHour = await survey.usage({ ...ALL_HOURS, where: {}, by: [], hours: 1 });
      expect(byHour.map(({ hour, turns }) => [hour, turns]).sort()).toEqual([
        [HOUR, 2],
        [HOUR + 1, 1],
      ]);
      expect(await survey.usage({ ...ALL_HOURS, where: { key: 'never' }, by: [] })).toEqual([]);
    });

    test('counts turns that are not in the log', async () => {
      const labels = { tenant: ACME, key: 'k', user: '', model: 'm', claw: 'c', alias: '' };
      const sums = {
        turns: 2,
        failed: 0,
        input: 7,
        output: 3,
        cacheRead: 0,
        cacheWrite: 0,
        reasoning: 0,
        cost: 9,
      };
      const times = { total: { 40: 2 }, first: {} };
      await survey.count([{ hour: HOUR, labels, ...sums, ...times }]);
      await survey.count([{ hour: HOUR, labels, ...sums, ...times }]);
      const [row] = await survey.usage({ ...ALL_HOURS, where: { key: 'k' }, by: ['key'] });
      expect(row).toMatchObject({ labels: { key: 'k' }, turns: 4, input: 14, cost: 18, total: { 40: 4 } });
    });

    test('is the same when it is made again', async () => {
      const a = await make1({ name: 'x' }, { text: 'findme' });
      await make1({}, { error: 'rate_limited', at: NOW + 5_000 });
      await log.createSession(aSession());
      const look = async () => [
        await survey.sessions(ACME, {}, page),
        await survey.usage({ ...ALL_HOURS, where: {}, by: ['model'] }),
        await found('findme'),
        (await survey.failures(ACME, page)).entries,
      ];
      await survey.refresh();
      const before = await look();
      await survey.rebuild();
      expect(await look()).toEqual(before);
      expect(await found('findme')).toEqual([a.row.id]);
    });
  });
}
