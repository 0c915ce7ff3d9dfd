import { expect, test } from 'bun:test';
import { newSessionId, newTurnId, type TurnId } from '../../../src/core/ids.ts';
import { type Item, type Message, userMessage } from '../../../src/core/items.ts';
import { ownInstructions } from '../../../src/core/opening.ts';
import type { Tenant } from '../../../src/core/request.ts';
import type { LineWish } from '../../../src/core/turn.ts';
import { Heads } from '../../../src/session/heads.ts';
import { digestItems } from '../../../src/session/history.ts';
import { Leases } from '../../../src/session/leases.ts';
import type { Resumed } from '../../../src/session/resumed.ts';
import { Sessions } from '../../../src/session/sessions.ts';
import { MemoryBlobStore } from '../../../src/stores/memory/blob-store.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { aTurn } from '../../conformance/turn-rows.ts';

const tenant = 'acme' as Tenant;
const AGENT: LineWish = { isAgent: true };
const PLAIN: LineWish = { isAgent: false };

const system = (text: string): Message => ({ ...userMessage(text), role: 'system' });
const assistant = (text: string): Message => ({
  ...{ type: 'message', role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text, annotations: [] }],
});

/** A session whose turns are recorded as they are resumed, and the calls of its store that concern lines. */
async function aSession() {
  const calls: string[] = [];
  const store = new Proxy(new MemoryStore(), {
    get(target, name: keyof MemoryStore) {
      const member = target[name] as unknown;
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => {
        if (/Lines?$|Tree$/.test(name)) calls.push(name);
        return Reflect.apply(member, target, args);
      };
    },
  });
  const start = () => {
    const leases = new Leases({ store, holder: 'us', queue: 4 });
    const heads = new Heads({ log: store, leaseStore: store, blobs: new MemoryBlobStore(), leases });
    return new Sessions({ log: store, lines: store, heads, clock: () => 0, emit: () => {} });
  };
  let sessions = start();
  const id = newSessionId(0);
  await store.createSession({ id, tenant, createdAt: 0, metadata: {}, head: null, edits: 0 });
  let now = 0;
  const resume = (input: Item[], line: LineWish, turn = newTurnId(id, ++now)) =>
    sessions.resume({
      ...{ tenant, session: id, turn, input, window: 1000, writes: true, whenBusy: 'wait', waitMs: 100 },
      state: { kind: 'session', ref: { id }, create: true, history: true, line },
      tokensOf: () => 1,
    });
  const record = async (turn: TurnId, resumed: Resumed, text: string) => {
    const { parent, input, opening, line, lineChange, branch } = resumed;
    const output = [assistant(text)];
    const own = ownInstructions({ id: turn, parent, input, opening });
    const before = digestItems(branch.at(-1)?.digest ?? '', input.slice(own));
    const row = {
      ...aTurn(id, null),
      ...{ tenant, id: turn, parent, line, digest: digestItems(before, output) },
      totalTokens: (branch.at(-1)?.totalTokens ?? 0) + 100,
      body: JSON.stringify({ input, output, opening, resent: resumed.resent }),
    };
    const head = resumed.kind === 'head' ? resumed : undefined;
    await store.commitTurn(row, {
      move: head && { from: head.from },
      line: lineChange,
      token: head?.lease.token,
    });
    head?.lease.committed();
    head?.lease.release();
    if (resumed.kind === 'side') resumed.leave();
  };
  const ask = async (input: Item[], line: LineWish, text = 'a') => {
    const turn = newTurnId(id, ++now);
    const resumed = await resume(input, line, turn);
    await record(turn, resumed, text);
    return resumed;
  };
  /** A new process: it remembers nothing. */
  const restart = () => {
    sessions = start();
  };
  return { ask, calls, restart };
}

const MAIN = system('You are a coding agent. Work in the repository and keep your answers short.');
const TITLE = system('Write a title of at most fifty characters for the conversation.');

test('a session without instructions asks the store nothing of lines', async () => {
  const { ask, calls } = await aSession();
  for (const text of ['1', '2', '3']) await ask([userMessage(text)], PLAIN);
  const known = [userMessage('1'), assistant('a'), userMessage('2'), assistant('a')];
  const resumed = await ask([...known, userMessage('3'), assistant('a'), userMessage('4')], AGENT);
  expect(resumed.history).toBe('matched');
  expect(calls).toEqual([]);
});

test('a session with the same instructions asks for its line once', async () => {
  const { ask, calls } = await aSession();
  await ask([MAIN, userMessage('1')], PLAIN);
  expect(calls).toEqual(['readLines', 'addLine']);
  calls.length = 0;
  for (const text of ['2', '3']) {
    const resumed = await ask([MAIN, userMessage(text)], PLAIN);
    expect(resumed).toMatchObject({ kind: 'head', history: 'appended', input: [userMessage(text)] });
  }
  expect(calls).toEqual([]);
});

test('a side request reads the lines and never the tree', async () => {
  const { ask, calls } = await aSession();
  await ask([MAIN, userMessage('1')], AGENT);
  await ask([TITLE, userMessage('t')], AGENT);
  calls.length = 0;
  await ask([TITLE, userMessage('t2')], AGENT);
  const child = { isAgent: true, agent: 'child' };
  await ask([MAIN, userMessage('task')], child, 'done');
  await ask([MAIN, userMessage('task'), assistant('done'), userMessage('more')], child);
  expect(calls).not.toContain('readTree');
});

test('instructions that change are stored with their turn, others are not stored again', async () => {
  const { ask } = await aSession();
  const first = await ask([MAIN, userMessage('1')], PLAIN);
  expect(first.input).toHaveLength(2);
  const changed = system(`It is 10:42. ${(MAIN.content[0] as { text: string }).text}`);
  const second = await ask([changed, userMessage('2')], PLAIN);
  expect(second).toMatchObject({ history: 'appended', input: [changed, userMessage('2')] });
  const third = await ask([changed, userMessage('3')], PLAIN);
  expect(third.input).toEqual([userMessage('3')]);
  const fourth = await ask([userMessage('4')], PLAIN);
  expect(fourth.opening).toEqual(second.opening!);
});

test('the turn with the latest instructions is read along, also beyond the window', async () => {
  const { ask, restart } = await aSession();
  await ask([MAIN, userMessage('0')], PLAIN);
  const changed = system(`It is 10:42. ${(MAIN.content[0] as { text: string }).text}`);
  await ask([changed, userMessage('1')], PLAIN);
  for (let i = 2; i < 40; i++) await ask([userMessage(`${i}`)], PLAIN);
  restart();
  const { branch, opening } = await ask([userMessage('last')], PLAIN);
  expect(branch.length).toBeLessThan(15);
  expect(branch[1]?.turn.id).toBe(opening!.at);
});
