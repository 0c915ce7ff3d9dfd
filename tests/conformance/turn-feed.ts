import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { TurnId } from '../../src/core/ids.ts';
import type { Journal } from '../../src/session/journal.ts';
import type { TurnFeed } from '../../src/session/turn-feed.ts';
import { anIntent, begin, textDelta } from './journal.ts';

/** A process that runs turns. */
export interface FeedProcess {
  journal: Journal;
  feed: TurnFeed;
  close(): Promise<void>;
}

/** Far longer than a request to cancel takes. */
const SETTLED_MS = 200;

/**
 * What every `TurnFeed` does. `first` starts a process; `successor` ends the one before, as far as a test can,
 * and starts the next one.
 */
export function turnFeedConformance(
  name: string,
  first: () => Promise<FeedProcess>,
  successor: (before: FeedProcess) => Promise<FeedProcess>,
): void {
  describe(`${name}: turn feed`, () => {
    let running: FeedProcess;
    beforeEach(async () => {
      running = await first();
    });
    afterEach(() => running.close());

    test('finds turns as far as they have come', async () => {
      const { journal, feed } = running;
      const [intent, other] = [await begin(journal), await begin(journal)];
      await journal.append(intent.id, [textDelta('a'), textDelta('b')]);
      await journal.append(other.id, [textDelta('x')]);
      const found = await feed.find(intent.id);
      expect(found).toEqual({ intent, deltas: [textDelta('a'), textDelta('b')] });
      await journal.append(intent.id, [textDelta('c\n')]);
      expect(found?.deltas).toHaveLength(2);
      expect((await feed.find(intent.id))?.deltas).toHaveLength(3);
      journal.end(intent.id);
      expect(await feed.find(intent.id)).toBeUndefined();
      expect(await feed.find(anIntent().id)).toBeUndefined();
      expect(await feed.find(other.id)).toEqual({ intent: other, deltas: [textDelta('x')] });
    });

    test('finds a turn that has begun again as it is now', async () => {
      const { journal, feed } = running;
      const intent = await begin(journal);
      const again = { ...intent, model: 'gpt-5-mini' };
      await journal.append(intent.id, [textDelta('void')]);
      await journal.begin(again);
      expect(await feed.find(intent.id)).toEqual({ intent: again, deltas: [] });
      await journal.append(intent.id, [textDelta('a')]);
      expect(await feed.find(intent.id)).toEqual({ intent: again, deltas: [textDelta('a')] });
      journal.end(intent.id);
      journal.end(intent.id);
      expect(await feed.find(intent.id)).toBeUndefined();
      await journal.begin(intent);
      expect(await feed.find(intent.id)).toEqual({ intent, deltas: [] });
    });

    test('finds turns before and after they are inherited, until their end', async () => {
      const intent = await begin(running.journal);
      await running.journal.append(intent.id, [textDelta('a')]);
      running = await successor(running);
      const { journal, feed } = running;
      expect(await feed.find(intent.id)).toEqual({ intent, deltas: [textDelta('a')] });
      await journal.inherit();
      expect(await feed.find(intent.id)).toEqual({ intent, deltas: [textDelta('a')] });
      await journal.append(intent.id, [textDelta('b')]);
      expect((await feed.find(intent.id))?.deltas).toHaveLength(2);
      journal.end(intent.id);
      expect(await feed.find(intent.id)).toBeUndefined();
    });

    test('does not find turns that were erased', async () => {
      const { journal, feed } = running;
      const [erased, other] = [await begin(journal), await begin(journal)];
      await journal.append(other.id, [textDelta('a')]);
      expect(await feed.find(other.id)).toBeDefined();
      await journal.erase(erased.tenant, erased.session);
      expect(await feed.find(erased.id)).toBeUndefined();
      await journal.append(other.id, [textDelta('b')]);
      expect((await feed.find(other.id))?.deltas).toHaveLength(2);
    });

    test('tells the process that runs a turn to cancel it, once', async () => {
      const { journal, feed } = running;
      const cancelled: TurnId[] = [];
      feed.onCancelRequest((turn) => cancelled.push(turn));
      const [intent] = [await begin(journal), await begin(journal)];
      await feed.requestCancel(intent.id);
      await Bun.sleep(SETTLED_MS);
      expect(cancelled).toEqual([intent.id]);
    });

    test('tells its latest listener alone', async () => {
      const { journal, feed } = running;
      const [earlier, latest]: [TurnId[], TurnId[]] = [[], []];
      const intent = await begin(journal);
      feed.onCancelRequest((turn) => earlier.push(turn));
      feed.onCancelRequest((turn) => latest.push(turn));
      await feed.requestCancel(intent.id);
      await Bun.sleep(SETTLED_MS);
      expect([earlier, latest]).toEqual([[], [intent.id]]);
    });

    test('tells of no turn that is unknown or has ended, and of none after close', async () => {
      const { journal, feed } = running;
      const cancelled: TurnId[] = [];
      feed.onCancelRequest((turn) => cancelled.push(turn));
      const [ended, open] = [await begin(journal), await begin(journal)];
      journal.end(ended.id);
      await feed.requestCancel(ended.id);
      await feed.requestCancel(anIntent().id);
      await feed.requestCancel('../../escape' as TurnId);
      await Bun.sleep(SETTLED_MS);
      await feed.requestCancel(open.id);
      feed.close();
      const before = cancelled.length;
      await Bun.sleep(SETTLED_MS);
      expect(cancelled).toHaveLength(before);
      expect(cancelled.every((turn) => turn === open.id)).toBe(true);
    });
  });
}
