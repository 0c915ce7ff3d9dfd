import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TurnId } from '../../src/core/ids.ts';
import { startMembers } from './children/start-member.ts';
import { anIntent, begin } from './journal.ts';
import { type FileProcess, shareJournals } from './shared-journals.ts';

const journals = shareJournals();

const folder = () => join(journals.dataDir(), 'cancel');
const requests = () => (existsSync(folder()) ? readdirSync(folder()) : []);

/** Makes a request as old as a process takes for stale. */
function age(turn: TurnId): void {
  const longAgo = Date.now() / 1000 - 11;
  utimesSync(join(folder(), turn), longAgo, longAgo);
}

function listen({ feed }: FileProcess): TurnId[] {
  const heard: TurnId[] = [];
  feed.onCancelRequest((turn) => heard.push(turn));
  return heard;
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 5_000) throw new Error('It did not come.');
    await Bun.sleep(5);
  }
}

describe('file turn feed: requests to cancel', () => {
  test('reach the process that runs the turn, and no other one', async () => {
    const [asking, running, beside] = [
      await journals.start(),
      await journals.start(),
      await journals.start(),
    ];
    const heard = [asking, running, beside].map(listen);
    for (const { journal } of [asking, beside]) await begin(journal);
    const intent = await begin(running.journal);
    await asking.feed.requestCancel(intent.id);
    await until(() => heard[1]!.length > 0 && requests().length === 0);
    await Bun.sleep(120);
    expect(heard).toEqual([[], [intent.id], []]);
  });

  test('reach the successor where the process has died', async () => {
    const dead = await journals.start();
    const [asking, successor] = [await journals.start(), await journals.start()];
    const intent = await begin(dead.journal);
    await dead.close();
    const heard = listen(successor);
    await asking.feed.requestCancel(intent.id);
    await Bun.sleep(120);
    expect(heard).toEqual([]);
    expect(requests()).toHaveLength(1);
    await successor.journal.inherit();
    await until(() => heard.length > 0);
    expect(heard).toEqual([intent.id]);
    expect(requests()).toEqual([]);
  });

  test('wait until the process listens', async () => {
    const [asking, running] = [await journals.start(), await journals.start()];
    const intent = await begin(running.journal);
    await asking.feed.requestCancel(intent.id);
    await Bun.sleep(120);
    expect(requests()).toHaveLength(1);
    const heard = listen(running);
    await until(() => heard.length > 0);
  });

  test('come again and again, while turns come and go', async () => {
    const [asking, running] = [await journals.start(), await journals.start()];
    const heard = listen(running);
    for (let round = 1; round <= 5; round++) {
      const intent = await begin(running.journal);
      await asking.feed.requestCancel(intent.id);
      await until(() => heard.length === round);
      running.journal.end(intent.id);
      await Bun.sleep(round * 20);
    }
  });

  test('of turns that no process runs are removed when they are old', async () => {
    const process = await journals.start();
    const { journal, feed } = process;
    const heard = listen(process);
    const other = await journals.start();
    const [running, ended] = [await begin(other.journal), anIntent()];
    await begin(journal);
    await feed.requestCancel(running.id);
    writeFileSync(join(folder(), ended.id), '');
    await Bun.sleep(120);
    expect(requests()).toHaveLength(2);
    for (const { id } of [running, ended]) age(id);
    await until(() => requests().length === 1);
    await Bun.sleep(120);
    // Its process does not listen yet; the request is still right.
    expect(requests()).toEqual([running.id]);
    expect(heard).toEqual([]);
  });

  test('are not made for a turn that is unknown', async () => {
    const { feed } = await journals.start();
    await feed.requestCancel(anIntent().id);
    await feed.requestCancel('../../escape' as TurnId);
    expect(requests()).toEqual([]);
    expect(readdirSync(journals.dataDir())).toEqual(['journal']);
  });
});

describe('file turn feed: another process', () => {
  const start = startMembers();

  test('is asked to cancel its turn, hears of it at once, and the request is gone', async () => {
    const { feed } = await journals.start();
    const child = await start(journals.dataDir(), join(journals.dataDir(), 'clawhold.db'));
    const asked = performance.now();
    await feed.requestCancel(child.turn);
    expect(await child.nextLine()).toBe(`cancelled ${child.turn}`);
    // Speed is not tested on a busy machine: this shows only that no slower clock drives it.
    expect(performance.now() - asked).toBeLessThan(2_000);
    expect(requests()).toEqual([]);
    await child.kill();
  });
});
