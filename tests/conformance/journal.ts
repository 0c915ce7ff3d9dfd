import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Delta } from '../../src/core/delta.ts';
import { newSessionId, newTurnId } from '../../src/core/ids.ts';
import { userMessage } from '../../src/core/items.ts';
import type { PlacedIntent, WaitingIntent } from '../../src/core/turn.ts';
import type { Journal } from '../../src/session/journal.ts';
import { ACME, GLOBEX, NOW } from './turn-rows.ts';

/** An intent as the turn path makes it, but for the fields that may be absent. */
export function anIntent(createdAt = NOW, fields: Partial<PlacedIntent> = {}): PlacedIntent {
  const session = fields.session ?? newSessionId(createdAt);
  return {
    kind: 'placed',
    id: newTurnId(session, createdAt),
    tenant: ACME,
    session,
    createdAt,
    key: 'root',
    dialect: 'responses',
    vocabulary: 'openai-responses',
    model: 'gpt-5',
    fallbacks: [],
    input: [userMessage('line one\nline two — “quoted” 🦞')],
    settings: { temperature: 0.5 },
    extra: {},
    metadata: {},
    state: { kind: 'none' },
    retention: 'stored',
    delivery: 'stream',
    defaultContext: 'truncate',
    policy: { onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail', whenBroken: 'restart' },
    position: { parent: null, branchTokens: 0, inputTokens: 12, digest: 'ab' },
    ...fields,
  };
}

/** The same turn before it has got its session. */
export function waiting({ position: _, ...accepted }: PlacedIntent): WaitingIntent {
  return {
    ...accepted,
    kind: 'waiting',
    state: { kind: 'session', ref: { name: 'trip' }, create: true, history: false },
  };
}

/** What is inherited of a turn that a process left in order. */
export const LEFT = { deaths: 0, isCut: false };

export const textDelta = (text: string): Delta => ({ type: 'text-delta', index: 0, part: 0, text });

/**
 * What every `Journal` does. `first` gives an empty one; `successor` ends the process of the one before,
 * as far as a test can, and gives the journal of the next process. The suite closes the last one.
 */
export function journalConformance(
  name: string,
  first: () => Promise<Journal>,
  successor: (before: Journal) => Promise<Journal>,
): void {
  let journal: Journal;
  const open = () =>
    beforeEach(async () => {
      journal = await first();
    });
  const close = () => afterEach(() => journal.close());

  describe(`${name}: journal`, () => {
    open();
    close();

    test('refuses deltas of a turn that has not begun or has ended', async () => {
      const intent = anIntent();
      expect(await refuses(() => journal.append(intent.id, [textDelta('a')]))).toBe(true);
      await journal.begin(intent);
      journal.end(intent.id);
      expect(await refuses(() => journal.append(intent.id, [textDelta('a')]))).toBe(true);
    });

    test('may be told twice that a turn ends', async () => {
      const intent = await begin(journal);
      journal.end(intent.id);
      journal.end(intent.id);
      journal.end(anIntent().id);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([]);
    });

    test('has nothing left of a turn that begins again except its new intent', async () => {
      const intent = waiting(anIntent());
      await journal.begin(intent);
      const placed = { ...anIntent(), id: intent.id, session: intent.session };
      await journal.append(intent.id, [textDelta('void')]);
      await journal.begin(placed);
      await journal.append(intent.id, [textDelta('a')]);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([{ intent: placed, deltas: [textDelta('a')], ...LEFT }]);
    });

    test('begins again a turn that has ended', async () => {
      const intent = await begin(journal);
      await journal.append(intent.id, [textDelta('void')]);
      journal.end(intent.id);
      await journal.begin(intent);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([{ intent, deltas: [], ...LEFT }]);
    });
  });

  describe(`${name}: journal, inheriting`, () => {
    open();
    close();

    test('gets nothing where there was no process before, nor its own turns', async () => {
      await begin(journal);
      expect(await journal.inherit()).toEqual([]);
    });

    test('gets what was begun and not ended, oldest first, and once', async () => {
      const [late, early, done] = await beginThree(journal, [NOW + 2, NOW + 1, NOW]);
      await journal.append(late.id, [textDelta('a'), textDelta('b')]);
      await journal.append(done.id, [textDelta('x')]);
      await journal.append(late.id, [textDelta('c\n')]);
      journal.end(done.id);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([
        { intent: early, deltas: [], ...LEFT },
        { intent: late, deltas: [textDelta('a'), textDelta('b'), textDelta('c\n')], ...LEFT },
      ]);
      expect(await journal.inherit()).toEqual([]);
    });

    test('gets turns that wait for their session, with what they build on', async () => {
      const intent = waiting(anIntent(NOW, { retention: 'key', delivery: 'background' }));
      await journal.begin(intent);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([{ intent, deltas: [], ...LEFT }]);
    });

    test('goes on with turns, begins them again and ends them as its own', async () => {
      const [on, again, done] = await beginThree(journal, [NOW, NOW + 1, NOW + 2]);
      for (const { id } of [on, again, done]) await journal.append(id, [textDelta('first')]);
      journal = await successor(journal);
      const [inherited] = await journal.inherit();
      await journal.append(on.id, [textDelta('second')]);
      expect(inherited?.deltas).toEqual([textDelta('first')]);
      await journal.begin({ ...again, model: 'gpt-5-mini' });
      await journal.append(again.id, [textDelta('again')]);
      journal.end(done.id);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([
        { intent: on, deltas: [textDelta('first'), textDelta('second')], ...LEFT },
        { intent: { ...again, model: 'gpt-5-mini' }, deltas: [textDelta('again')], ...LEFT },
      ]);
      await journal.append(on.id, [textDelta('third')]);
      journal = await successor(journal);
      expect((await journal.inherit())[0]?.deltas).toHaveLength(3);
      for (const { id } of [on, again]) journal.end(id);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([]);
    });

    test('does not count the end of a process in order as a death', async () => {
      const intent = await begin(journal);
      for (let round = 0; round < 3; round++) {
        journal = await successor(journal);
        expect(await journal.inherit()).toEqual([{ intent, deltas: [], ...LEFT }]);
      }
    });

    test('gets what several that died one after the other left', async () => {
      const firstTurn = await begin(journal, NOW + 1);
      journal = await successor(journal);
      const secondTurn = await begin(journal, NOW);
      journal = await successor(journal);
      const turns = await journal.inherit();
      expect(turns.map(({ intent }) => intent)).toEqual([secondTurn, firstTurn]);
      expect(await journal.inherit()).toEqual([]);
    });
  });

  describe(`${name}: journal, erasing`, () => {
    open();
    close();

    test('leaves nothing of the turns of a session, and all of others', async () => {
      const [erased, sibling, other] = await beginThree(journal, [NOW, NOW + 1, NOW + 2]);
      const { session } = erased;
      const foreign = anIntent(NOW + 3, { session, tenant: GLOBEX });
      const ended = anIntent(NOW + 4, { session });
      for (const intent of [foreign, ended]) await journal.begin(intent);
      for (const { id } of [erased, sibling, other, foreign, ended])
        await journal.append(id, [textDelta('a')]);
      journal.end(ended.id);
      for (const _ of [1, 2]) await journal.erase(ACME, session);
      expect(await refuses(() => journal.append(erased.id, [textDelta('b')]))).toBe(true);
      journal.end(erased.id);
      for (const { id } of [sibling, other, foreign]) await journal.append(id, [textDelta('b')]);
      journal.end(other.id);
      journal = await successor(journal);
      const deltas = [textDelta('a'), textDelta('b')];
      expect(await journal.inherit()).toEqual([
        { intent: sibling, deltas, ...LEFT },
        { intent: foreign, deltas, ...LEFT },
      ]);
    });

    test('takes turns that were inherited', async () => {
      const [erased, other] = await beginThree(journal, [NOW, NOW + 1, NOW + 2]);
      journal = await successor(journal);
      expect(await journal.inherit()).toHaveLength(3);
      await journal.erase(ACME, erased.session);
      await journal.append(other.id, [textDelta('b')]);
      journal = await successor(journal);
      const turns = await journal.inherit();
      expect(turns).toHaveLength(2);
      expect(turns[0]).toEqual({ intent: other, deltas: [textDelta('b')], ...LEFT });
    });

    test('has no effect where there is nothing', async () => {
      await journal.erase(ACME, newSessionId(NOW));
      const intent = await begin(journal);
      await journal.erase(GLOBEX, intent.session);
      await journal.erase(ACME, newSessionId(NOW));
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([{ intent, deltas: [], ...LEFT }]);
    });
  });
}

/** Turns that have begun, at these times. */
async function beginThree(journal: Journal, times: [number, number, number]): Promise<Three<PlacedIntent>> {
  const intents = times.map((at) => anIntent(at)) as Three<PlacedIntent>;
  for (const intent of intents) await journal.begin(intent);
  return intents;
}

async function refuses(work: () => void | Promise<void>): Promise<boolean> {
  try {
    await work();
    return false;
  } catch {
    return true;
  }
}

type Three<T> = [T, T, T];

/** A turn that has begun. */
export async function begin(journal: Journal, createdAt = NOW): Promise<PlacedIntent> {
  const intent = anIntent(createdAt);
  await journal.begin(intent);
  return intent;
}
