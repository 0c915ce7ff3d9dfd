import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Delta } from '../../src/core/delta.ts';
import { newSessionId, newTurnId } from '../../src/core/ids.ts';
import { userMessage } from '../../src/core/items.ts';
import type { Intent } from '../../src/core/turn.ts';
import type { Journal } from '../../src/session/journal.ts';
import { ACME, NOW } from './turn-rows.ts';

export function anIntent(createdAt = NOW): Intent {
  const session = newSessionId(createdAt);
  return {
    id: newTurnId(session, createdAt),
    tenant: ACME,
    session,
    parent: null,
    createdAt,
    dialect: 'responses',
    model: 'gpt-5',
    input: [userMessage('line one\nline two — “quoted” 🦞')],
    settings: { temperature: 0.5 },
    metadata: {},
    standing: { branchTokens: 0, inputTokens: 12, digest: 'ab' },
  };
}

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

    test('refuses deltas of a turn that has not begun or has ended', () => {
      const intent = anIntent();
      expect(() => journal.append(intent.id, [textDelta('a')])).toThrow();
      journal.begin(intent);
      journal.end(intent.id);
      expect(() => journal.append(intent.id, [textDelta('a')])).toThrow();
    });

    test('may be told twice that a turn ends', async () => {
      const intent = begin(journal);
      journal.end(intent.id);
      journal.end(intent.id);
      journal.end(anIntent().id);
      expect(await journal.find(intent.id)).toBeUndefined();
    });

    test('has nothing left of a turn that begins again but its new intent', async () => {
      const intent = begin(journal);
      const again = { ...intent, model: 'gpt-5-mini', parent: anIntent().id };
      journal.append(intent.id, [textDelta('void')]);
      journal.begin(again);
      journal.append(intent.id, [textDelta('a')]);
      expect(await journal.find(intent.id)).toEqual({ intent: again, deltas: [textDelta('a')] });
      journal = await successor(journal);
      const turns = await journal.inherit();
      expect(turns).toEqual([{ intent: again, deltas: [textDelta('a')] }]);
    });

    test('begins a turn that has ended anew', async () => {
      const intent = begin(journal);
      journal.append(intent.id, [textDelta('void')]);
      journal.end(intent.id);
      journal.begin(intent);
      expect(await journal.find(intent.id)).toEqual({ intent, deltas: [] });
    });

    test('knows itself alive, and nobody of whom it has not heard', async () => {
      expect(await journal.isAlive(journal.instance)).toBe(true);
      expect(await journal.isAlive(crypto.randomUUID())).toBe(false);
      expect(await journal.isAlive('')).toBe(false);
      expect(await journal.isAlive(`../${journal.instance}`)).toBe(false);
    });

    test('finds its own turns as far as they have come', async () => {
      const [intent, other] = [begin(journal), begin(journal)];
      journal.append(intent.id, [textDelta('a'), textDelta('b')]);
      journal.append(other.id, [textDelta('x')]);
      const found = await journal.find(intent.id);
      expect(found).toEqual({ intent, deltas: [textDelta('a'), textDelta('b')] });
      journal.append(intent.id, [textDelta('c\n')]);
      expect(found?.deltas).toHaveLength(2);
      expect((await journal.find(intent.id))?.deltas).toHaveLength(3);
      journal.end(intent.id);
      expect(await journal.find(intent.id)).toBeUndefined();
      expect(await journal.find(anIntent().id)).toBeUndefined();
      expect(await journal.find(other.id)).toEqual({ intent: other, deltas: [textDelta('x')] });
    });
  });

  describe(`${name}: journal, inheriting`, () => {
    open();
    close();

    test('gets nothing where there was nobody, nor its own turns', async () => {
      begin(journal);
      expect(await journal.inherit()).toEqual([]);
    });

    test('gets what was begun and not ended, oldest first, and once', async () => {
      const [late, early, done] = [NOW + 2, NOW + 1, NOW].map((at) => begin(journal, at)) as Three<Intent>;
      journal.append(late.id, [textDelta('a'), textDelta('b')]);
      journal.append(done.id, [textDelta('x')]);
      journal.append(late.id, [textDelta('c\n')]);
      journal.end(done.id);
      const dead = journal.instance;
      journal = await successor(journal);
      expect(journal.instance).not.toBe(dead);
      expect(await journal.inherit()).toEqual([
        { intent: early, deltas: [] },
        { intent: late, deltas: [textDelta('a'), textDelta('b'), textDelta('c\n')] },
      ]);
      expect(await journal.inherit()).toEqual([]);
      expect(await journal.isAlive(dead)).toBe(false);
    });

    test('finds turns before and after they are inherited, until their end', async () => {
      const intent = begin(journal);
      journal.append(intent.id, [textDelta('a')]);
      journal = await successor(journal);
      expect(await journal.find(intent.id)).toEqual({ intent, deltas: [textDelta('a')] });
      await journal.inherit();
      expect(await journal.find(intent.id)).toEqual({ intent, deltas: [textDelta('a')] });
      journal.end(intent.id);
      expect(await journal.find(intent.id)).toBeUndefined();
    });

    test('goes on with turns, begins them again and ends them as its own', async () => {
      const [on, again, done] = [NOW, NOW + 1, NOW + 2].map((at) => begin(journal, at)) as Three<Intent>;
      for (const { id } of [on, again, done]) journal.append(id, [textDelta('first')]);
      journal = await successor(journal);
      const [inherited] = await journal.inherit();
      journal.append(on.id, [textDelta('second')]);
      expect(inherited?.deltas).toEqual([textDelta('first')]);
      journal.begin({ ...again, model: 'gpt-5-mini' });
      journal.append(again.id, [textDelta('anew')]);
      journal.end(done.id);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([
        { intent: on, deltas: [textDelta('first'), textDelta('second')] },
        { intent: { ...again, model: 'gpt-5-mini' }, deltas: [textDelta('anew')] },
      ]);
      journal.append(on.id, [textDelta('third')]);
      expect((await journal.find(on.id))?.deltas).toHaveLength(3);
      for (const { id } of [on, again]) journal.end(id);
      journal = await successor(journal);
      expect(await journal.inherit()).toEqual([]);
    });

    test('gets what several that died one after the other left', async () => {
      const [first, firstTurn] = [journal.instance, begin(journal, NOW + 1)];
      journal = await successor(journal);
      const [second, secondTurn] = [journal.instance, begin(journal, NOW)];
      journal = await successor(journal);
      const turns = await journal.inherit();
      expect(turns.map(({ intent }) => intent)).toEqual([secondTurn, firstTurn]);
      expect(await journal.inherit()).toEqual([]);
      for (const dead of [first, second]) expect(await journal.isAlive(dead)).toBe(false);
    });
  });
}

type Three<T> = [T, T, T];

/** A turn that has begun. */
export function begin(journal: Journal, createdAt = NOW): Intent {
  const intent = anIntent(createdAt);
  journal.begin(intent);
  return intent;
}
