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
  describe(`${name}: journal`, () => {
    let journal: Journal;
    beforeEach(async () => {
      journal = await first();
    });
    afterEach(() => journal.close());

    test('has nothing unfinished at first', async () => {
      expect(await journal.unfinished()).toEqual([]);
    });

    test('does not take its own running turns for unfinished ones', async () => {
      journal.begin(anIntent());
      expect(await journal.unfinished()).toEqual([]);
    });

    test('shows a successor what was begun and not ended, oldest first', async () => {
      const [late, early, done] = [anIntent(NOW + 2), anIntent(NOW + 1), anIntent(NOW)];
      for (const intent of [late, early, done]) journal.begin(intent);
      journal.append(late.id, [textDelta('a'), textDelta('b')]);
      journal.append(done.id, [textDelta('x')]);
      journal.append(late.id, [textDelta('c\n')]);
      journal.end(done.id);
      journal = await successor(journal);
      expect(await journal.unfinished()).toEqual([
        { intent: early, deltas: [] },
        { intent: late, deltas: [textDelta('a'), textDelta('b'), textDelta('c\n')] },
      ]);
    });

    test('keeps what is unfinished until its end', async () => {
      const intents = [anIntent(NOW), anIntent(NOW + 1)];
      for (const intent of intents) journal.begin(intent);
      journal = await successor(journal);
      expect(await journal.unfinished()).toHaveLength(2);
      journal.end(intents[0]!.id);
      expect(await journal.unfinished()).toEqual([{ intent: intents[1]!, deltas: [] }]);
      journal = await successor(journal);
      expect(await journal.unfinished()).toEqual([{ intent: intents[1]!, deltas: [] }]);
      journal.end(intents[1]!.id);
      journal = await successor(journal);
      expect(await journal.unfinished()).toEqual([]);
    });

    test('refuses deltas of a turn that has not begun or has ended', () => {
      const intent = anIntent();
      expect(() => journal.append(intent.id, [textDelta('a')])).toThrow();
      journal.begin(intent);
      journal.end(intent.id);
      expect(() => journal.append(intent.id, [textDelta('a')])).toThrow();
    });

    test('may be told twice that a turn begins or ends', async () => {
      const intent = anIntent();
      journal.begin(intent);
      journal.append(intent.id, [textDelta('a')]);
      journal.begin(intent);
      journal = await successor(journal);
      expect(await journal.unfinished()).toEqual([{ intent, deltas: [textDelta('a')] }]);
      journal.end(intent.id);
      journal.end(intent.id);
      expect(await journal.unfinished()).toEqual([]);
    });
  });
}
