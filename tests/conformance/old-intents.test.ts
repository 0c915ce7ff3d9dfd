import { describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { userMessage } from '../../src/core/items.ts';
import type { JournaledIntent } from '../../src/session/journal.ts';
import { anIntent, LEFT, textDelta } from './journal.ts';
import { shareJournals } from './shared-journals.ts';

const journals = shareJournals();

/** Lines exactly as version 0.1 wrote them. */
const CHAT =
  '["begin","01jzq1m0k0abcdefghjk01jzq1m0kabcd",{"id":"01jzq1m0k0abcdefghjk01jzq1m0kabcd","tenant":"default","session":"01jzq1m0k0abcdefghjk","createdAt":1750000000000,"dialect":"chat","model":"openai/gpt-5","settings":{"temperature":0.5,"n":2},"listed":true,"metadata":{"a":"1"},"parent":"01jzq1m0k0abcdefghjk01jzq1m0jabcd","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"What is a claw?"}]}],"inputNatives":{"0":{"name":"Ada"}},"standing":{"branchTokens":100,"inputTokens":8,"digest":"581f562adfb4ffe1","moveHead":{"from":"01jzq1m0k0abcdefghjk01jzq1m0jabcd"}},"plan":{"fallbacks":["anthropic/claude"],"extra":{"top_k":5},"stream":true,"background":false,"overflow":"truncate","policy":{"onDisconnect":"run_on","whenBusy":"wait","whenDown":"fail","whenBroken":"fail"},"key":"root","requestId":"req_1","fingerprint":"0123456789abcdef"}}]';
const WAITING =
  '["begin","01jzq1m0k0abcdefghjm01jzq1m0kabcd",{"id":"01jzq1m0k0abcdefghjm01jzq1m0kabcd","tenant":"acme","session":"01jzq1m0k0abcdefghjm","createdAt":1750000000001,"dialect":"responses","model":"gpt-5","instructions":"Be brief.","settings":{},"echo":{"background":true},"listed":false,"metadata":{},"parent":null,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"What is a claw?"}]}],"standing":{"branchTokens":0,"inputTokens":8,"digest":"77c738c04f37861e"},"plan":{"stream":false,"background":true,"overflow":"error","policy":{"onDisconnect":"cancel","whenBusy":"fork","whenDown":"defer","whenBroken":"restart"},"key":"ci","deferredUntil":1750000600000,"waitsFor":{"kind":"session","ref":{"name":"trip"},"create":true,"history":false}},"toolsBlob":"cd"}]';
const HIDDEN =
  '["begin","01jzq1m0k0abcdefghjn01jzq1m0kabcd",{"id":"01jzq1m0k0abcdefghjn01jzq1m0kabcd","tenant":"default","session":"01jzq1m0k0abcdefghjn","createdAt":1750000000002,"dialect":"chat","model":"gpt-5","settings":{},"listed":false,"metadata":{},"parent":null,"input":[],"standing":{"branchTokens":0,"inputTokens":0,"digest":""},"plan":{"stream":false,"background":false,"overflow":"truncate","policy":{"onDisconnect":"run_on","whenBusy":"wait","whenDown":"fail","whenBroken":"fail"},"key":"root","hidden":true}}]';
const DELTAS =
  '["deltas","01jzq1m0k0abcdefghjk01jzq1m0kabcd",[{"type":"text-delta","index":0,"part":0,"text":"A connection"}]]';

const POLICY = { onDisconnect: 'run_on', whenBusy: 'wait', whenDown: 'fail', whenBroken: 'fail' };

const UPGRADED = {
  chat: {
    kind: 'placed',
    id: '01jzq1m0k0abcdefghjk01jzq1m0kabcd',
    tenant: 'default',
    session: '01jzq1m0k0abcdefghjk',
    createdAt: 1750000000000,
    key: 'root',
    requestId: 'req_1',
    fingerprint: '0123456789abcdef',
    dialect: 'chat',
    vocabulary: 'openai-chat',
    model: 'openai/gpt-5',
    fallbacks: ['anthropic/claude'],
    input: [userMessage('What is a claw?')],
    inputNatives: { 0: { name: 'Ada' } },
    settings: { temperature: 0.5, n: 2 },
    extra: { top_k: 5 },
    metadata: { a: '1' },
    state: { kind: 'none' },
    retention: 'listed',
    delivery: 'stream',
    defaultContext: 'truncate',
    policy: POLICY,
    position: {
      parent: '01jzq1m0k0abcdefghjk01jzq1m0jabcd',
      branchTokens: 100,
      inputTokens: 8,
      digest: '581f562adfb4ffe1',
      moveHead: { from: '01jzq1m0k0abcdefghjk01jzq1m0jabcd' },
    },
  },
  waiting: {
    kind: 'waiting',
    id: '01jzq1m0k0abcdefghjm01jzq1m0kabcd',
    tenant: 'acme',
    session: '01jzq1m0k0abcdefghjm',
    createdAt: 1750000000001,
    key: 'ci',
    deferredUntil: 1750000600000,
    toolsBlob: 'cd',
    dialect: 'responses',
    vocabulary: 'openai-responses',
    model: 'gpt-5',
    fallbacks: [],
    input: [userMessage('What is a claw?')],
    instructions: 'Be brief.',
    settings: {},
    extra: {},
    echo: { background: true },
    metadata: {},
    state: { kind: 'session', ref: { name: 'trip' }, create: true, history: false },
    retention: 'stored',
    delivery: 'background',
    defaultContext: 'full',
    policy: { onDisconnect: 'cancel', whenBusy: 'fork', whenDown: 'defer', whenBroken: 'restart' },
  },
} as unknown as Record<'chat' | 'waiting', JournaledIntent>;

/** A segment that a process has left, as lines. */
function leave(...lines: string[]): void {
  mkdirSync(join(journals.dataDir(), 'journal'), { recursive: true });
  const path = join(journals.dataDir(), 'journal', `${crypto.randomUUID()}-0.log`);
  writeFileSync(path, `${lines.join('\n')}\n`);
}

/** Version 0.1 did not note that a process ended in order. */
const DIED = { deaths: 1, isCut: false };

const inherit = async () => (await journals.start()).journal.inherit();

describe('journals of version 0.1', () => {
  test('are inherited in the form of today', async () => {
    leave(CHAT, WAITING, DELTAS);
    expect(await inherit()).toStrictEqual([
      { intent: UPGRADED.chat, deltas: [textDelta('A connection')], ...DIED },
      { intent: UPGRADED.waiting, deltas: [], ...LEFT },
    ]);
  });

  test('are read by others, and go on in the form of today', async () => {
    leave(CHAT, WAITING);
    const { journal, feed, close } = await journals.start();
    expect((await feed.find(UPGRADED.chat.id))?.intent).toStrictEqual(UPGRADED.chat);
    await journal.inherit();
    journal.append(UPGRADED.chat.id, [textDelta('a')]);
    const again = { ...UPGRADED.waiting, kind: 'placed', position: anIntent().position } as JournaledIntent;
    journal.begin(again);
    await close();
    expect(await inherit()).toEqual([
      { intent: UPGRADED.chat, deltas: [textDelta('a')], ...DIED },
      { intent: again, deltas: [], ...LEFT },
    ]);
  });

  test('say how long a turn is kept, and how its answer reaches the caller', async () => {
    const variant = (id: string, listed: boolean, stream: boolean, background: boolean) =>
      CHAT.replaceAll('01jzq1m0k0abcdefghjk01jzq1m0kabcd', `01jzq1m0k0abcdefghjk01jzq1m0k${id}`)
        .replace('"listed":true', `"listed":${listed}`)
        .replace('"stream":true,"background":false', `"stream":${stream},"background":${background}`);
    leave(
      HIDDEN,
      variant('aaaa', true, false, false),
      variant('bbbb', false, true, false),
      variant('cccc', false, false, true),
      variant('dddd', false, true, true),
    );
    const turns = (await inherit()).map(({ intent: { retention, delivery } }) => [retention, delivery]);
    expect(turns).toEqual([
      ['listed', 'whole'],
      ['stored', 'stream'],
      ['stored', 'background'],
      ['stored', 'background-stream'],
      ['key', 'whole'],
    ]);
  });
});

describe('a line that cannot be understood', () => {
  const lines = [
    '["begin","01jzq1m0k0abcdefghjp01jzq1m0kabcd",null]',
    '["begin","01jzq1m0k0abcdefghjp01jzq1m0kabcd",{"id":"01jzq1m0k0abcdefghjp01jzq1m0kabcd"}]',
    CHAT.replaceAll('01jzq1m0k0abcdefghjk01jzq1m0kabcd', '01jzq1m0k0abcdefghjp01jzq1m0kabcd').replace(
      '"plan"',
      '"plot"',
    ),
    CHAT.replaceAll('01jzq1m0k0abcdefghjk01jzq1m0kabcd', '01jzq1m0k0abcdefghjp01jzq1m0kabcd').replace(
      '"chat"',
      '"morse"',
    ),
    WAITING.replace('"id":"01', '"id":"02'),
    '["begin","01jzq1m0k0abcdefghjp01jzq1m0kabcd",{"id":"01jzq1m0k0abcdefghjp01jzq1m0kabcd","kind":"later"}]',
    '["deltas","01jzq1m0k0abcdefghjp01jzq1m0kabcd",[]]',
    '["end","01jzq1m0k0abcdefghjp01jzq1m0kabcd"]',
  ];

  test.each(lines)('does not hide other turns (%#)', async (line) => {
    leave(CHAT, line, DELTAS);
    expect(await inherit()).toEqual([
      { intent: UPGRADED.chat, deltas: [textDelta('A connection')], ...DIED },
    ]);
  });

  test.each(['["deltas","01jzq1m0k0abcdefghjk01jzq1m0kabcd",null]', '["later","x"]', '[]', 'null', '{}'])(
    'is a gap where it is not a line of a journal: %s',
    async (line) => {
      leave(CHAT, DELTAS, line, DELTAS, HIDDEN);
      const turns = await inherit();
      expect(turns.map(({ deltas }) => deltas)).toEqual([[textDelta('A connection')], []]);
    },
  );

  test('ends what is known of its own turn, where that had begun', async () => {
    leave(CHAT, DELTAS, CHAT.replace('"plan"', '"plot"'), DELTAS);
    expect(await inherit()).toEqual([
      { intent: UPGRADED.chat, deltas: [textDelta('A connection')], ...DIED, isCut: true },
    ]);
  });
});
