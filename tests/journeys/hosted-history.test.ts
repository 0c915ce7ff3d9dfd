import { Database } from 'bun:sqlite';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { contentOf, type Item } from '../../src/core/items.ts';
import { type TestGateway, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { json, sessionLog } from '../harness/journey.ts';
import { type ResponsesProvider, responsesProvider } from '../harness/responses-provider.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Full histories of sessions in which the provider ran its own tools. */

let provider: ResponsesProvider;
let gateway: TestGateway;
let dataDir = '';
let count = 0;
let name = '';

beforeAll(async () => {
  provider = responsesProvider();
  dataDir = temporaryDirectory();
  gateway = await testGateway({ yaml: provider.yaml, dataDir });
});
beforeEach(() => {
  name = `hosted-history-${count++}`;
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

let made = 0;
const search = (): Json => ({
  ...{ type: 'web_search_call', id: `ws_${made++}`, status: 'completed' },
  action: { type: 'search', query: 'cats' },
});
const said = (text: string): Json => ({
  ...{ type: 'message', id: `msg_${made++}`, role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text, annotations: [] }],
});
const compaction = (): Json => ({ type: 'compaction', id: `cmp_${made++}`, encrypted_content: 'short' });
const reasoning = (): Json => ({ type: 'reasoning', id: `rs_${made++}`, summary: [] });
const called = (call_id: string): Json => ({
  ...{ type: 'function_call', id: `fc_${made++}`, status: 'completed' },
  ...{ call_id, name: 'f', arguments: '{}' },
});
const custom = (call_id: string): Json => ({
  ...{ type: 'custom_tool_call', id: `ctc_${made++}`, status: 'completed' },
  ...{ call_id, input: 'x', name: 'patch' },
});
const user = (content: string): Json => ({ role: 'user', content });

interface Told {
  history: string | null;
  body: Json;
}

async function told(reply: Promise<Response>): Promise<Told> {
  const response = await reply;
  const body = await json(response);
  if (response.status !== 200) throw new Error(JSON.stringify(body));
  return { history: response.headers.get('x-clawhold-history'), body };
}
const respond = (input: unknown, more: Json = {}) =>
  told(gateway.post('/v1/responses', { model: 'one/m', input, ...more }, { 'x-session-id': name }));
const complete = (messages: Json[], more: Json = {}) =>
  told(gateway.post('/v1/chat/completions', { model: 'one/m', messages, ...more }, { 'x-session-id': name }));
const log = () => sessionLog(gateway, name);

const TOOLS = [{ type: 'custom', name: 'patch' }];
const CHAT_TOOLS = [{ type: 'custom', custom: { name: 'patch' } }];

const ANSWERS: [string, () => Json[]][] = [
  ['a search before the answer', () => [reasoning(), search(), said('Found.')]],
  ['a search between two messages', () => [said('I look. '), search(), said('Found.')]],
  ['a search after the answer', () => [said('Found.'), search()]],
  ['a compaction', () => [compaction(), said('Found.')]],
  ['calls of several kinds', () => [called('c1'), search(), said('Wait.'), custom('c2')]],
];

describe.each(ANSWERS)('after %s', (_, answer) => {
  const outputs = (calls: Json[], type: (call: Json) => string) =>
    calls.map((call) => ({ type: type(call), call_id: call.call_id, output: 'done' }));

  /** The session's first turn, and its answer as each dialect has it. */
  async function begun() {
    provider.answer(...answer());
    const first = await respond('look', { tools: TOOLS });
    const items = asList(first.body.output);
    const content = items.flatMap((item) => asList(item.content).map(({ text }) => asText(text))).join('');
    const calls = items.filter(({ type }) => /^(function|custom_tool)_call$/.test(asText(type)));
    const tool_calls = calls.map((call) =>
      call.type === 'function_call'
        ? { id: call.call_id, type: 'function', function: { name: call.name, arguments: call.arguments } }
        : { id: call.call_id, type: 'custom', custom: { name: call.name, input: call.input } },
    );
    const message = {
      ...{ role: 'assistant', content: content || null },
      ...(calls.length > 0 && { tool_calls }),
    };
    const results = calls.map(({ call_id }) => ({ role: 'tool', tool_call_id: call_id, content: 'done' }));
    return { items, calls, messages: [user('look'), message, ...results] };
  }

  test('the full history of a chat client is recognised', async () => {
    const { messages } = await begun();
    provider.answer(said('Two.'));
    const second = await complete([...messages, user('and?')], { tools: CHAT_TOOLS });
    expect(second.history).toBe('matched');
    provider.answer(search(), said('Three.'));
    const third = [...messages, user('and?'), { role: 'assistant', content: 'Two.' }, user('more?')];
    expect(await complete(third, { tools: CHAT_TOOLS })).toMatchObject({ history: 'matched' });
    expect((await log()).filter((line) => line.startsWith('user'))).toEqual([
      'user: look',
      'user: and?',
      'user: more?',
    ]);
  });

  test('the full history of a Responses client is recognised, with these items and without', async () => {
    const { items, calls } = await begun();
    const results = outputs(calls, ({ type }) => `${type}_output`);
    const seen = ['message', 'function_call', 'custom_tool_call'];
    const shown = items.filter(({ type }) => seen.includes(asText(type)));
    let before = [user('look'), ...items, ...results];
    let short = [user('look'), ...shown, ...results];
    for (const index of [0, 1, 2]) {
      const text = `next ${index}`;
      provider.answer(search(), said(text));
      const next = await respond([...(index === 1 ? short : before), user(text)], { tools: TOOLS });
      expect(next.history).toBe('matched');
      before = [...before, user(text), ...asList(next.body.output)];
      short = [...short, user(text), { role: 'assistant', content: text }];
    }
    const lines = await log();
    expect(lines.filter((line) => line.startsWith('user'))).toEqual([
      'user: look',
      'user: next 0',
      'user: next 1',
      'user: next 2',
    ]);
    const hosted = items.filter(({ type }) => type === 'web_search_call' || type === 'compaction');
    expect(lines.filter((line) => /^(web_search_call|compaction)/.test(line))).toHaveLength(
      hosted.length + 3,
    );
  });

  test('the full history is recognised in a store of an earlier version, and goes on', async () => {
    const { items, calls } = await begun();
    writeEarlierDigest([said('look'), ...items]);
    await gateway.stop();
    gateway = await testGateway({ yaml: provider.yaml, dataDir });
    let input = [user('look'), ...items, ...outputs(calls, ({ type }) => `${type}_output`)];
    for (const text of ['next', 'last', 'end']) {
      // The turns of this version follow those of the earlier one.
      provider.answer(said('I look. '), search(), said(text));
      const next = await respond([...input, user(text)], { tools: TOOLS });
      expect(next.history).toBe('matched');
      input = [...input, user(text), ...asList(next.body.output)];
    }
  });
});

/** Replaces the digest of the session's only turn by the one that earlier versions computed. */
function writeEarlierDigest([question, ...output]: Json[]): void {
  const digest = [{ ...question, role: 'user' }, ...output]
    .filter(({ type }) => type !== 'reasoning')
    .reduce((before: string, item: Json) => {
      const seed = BigInt(before === '' ? 0 : `0x${before}`);
      return Bun.hash.xxHash64(contentOf(item as unknown as Item), seed).toString(16);
    }, '');
  const database = new Database(join(dataDir, 'clawhold.db'));
  database.run('UPDATE turns SET digest = ? WHERE rowid = (SELECT max(rowid) FROM turns)', [
    digest.length % 2 === 0 ? Buffer.from(digest, 'hex') : digest,
  ]);
  database.close();
}

describe('new items that only clients of Responses know', () => {
  test('are not taken for a part of the history', async () => {
    const request = {
      ...{ type: 'mcp_approval_request', id: 'mcpr_1' },
      ...{ server_label: 's', name: 'n', arguments: '{}' },
    };
    const tools = [{ type: 'mcp', server_label: 's', server_url: 'https://s.test' }];
    provider.answer(request);
    const first = await respond('go', { tools });
    const [asked] = asList(first.body.output);
    const approval = { type: 'mcp_approval_response', approval_request_id: asked!.id, approve: true };
    provider.answer(said('Done.'));
    const second = await respond([user('go'), asked, approval], { tools });
    expect(second.history).toBe('matched');
    expect(asList(provider.bodies.at(-1)?.input).map(({ type }) => type)).toContain('mcp_approval_response');
    provider.answer(said('More.'));
    const whole = [user('go'), asked, approval, ...asList(second.body.output)];
    expect(await respond([...whole, user('more')], { tools })).toMatchObject({ history: 'matched' });
    expect((await log()).map((line) => line.split(' ')[0])).toEqual([
      'user:',
      'mcp_approval_request',
      'mcp_approval_response',
      'assistant:',
      'user:',
      'assistant:',
    ]);
  });

  test('a compaction after the shared part is added once', async () => {
    provider.answer(said('One.'));
    const first = await respond('one');
    const before = [user('one'), ...asList(first.body.output)];
    const summary = { type: 'compaction', encrypted_content: 'brief' };
    provider.answer(said('Two.'));
    const second = await respond([...before, summary, user('two')]);
    expect(second.history).toBe('matched');
    provider.answer(said('Three.'));
    const all = [...before, summary, user('two'), ...asList(second.body.output), user('three')];
    expect(await respond(all)).toMatchObject({ history: 'matched' });
    expect((await log()).filter((line) => line === 'compaction')).toEqual(['compaction']);
  });
});

test('an edit of what clients can send back still forks', async () => {
  provider.answer(search(), said('I look. '), called('c1'));
  const first = await respond('go');
  const [hosted, message, call] = asList(first.body.output);
  const output = { type: 'function_call_output', call_id: 'c1', output: 'done' };
  provider.answer(said('Done.'));
  for (const edited of [
    [user('went'), hosted, message, call, output],
    [user('go'), hosted, { ...message, content: 'I search.' }, call, output],
    [user('go'), hosted, message, { ...call, arguments: '{"a":1}' }, output],
  ]) {
    expect(await respond(edited)).toMatchObject({ history: 'forked' });
  }
});

test('a client may send back what Anthropic and Gemini wrote in their own words', async () => {
  const query = { query: 'cats' };
  const results = [{ type: 'web_search_result', url: 'u', title: 'Cats' }];
  const input = [
    user('look'),
    { type: 'server_tool_use', id: 'item_1', name: 'web_search', input: query },
    { type: 'web_search_tool_result', id: 'item_2', content: results },
    { type: 'gemini:executableCode', id: 'item_3', executableCode: { code: '1+1' } },
    { type: 'gemini:codeExecutionResult', id: 'item_4', codeExecutionResult: { output: '2' } },
    { type: 'gemini:fileData', id: 'item_5', fileData: { fileUri: 'gs://x' } },
    user('and?'),
  ];
  provider.answer(said('Two.'));
  await respond(input, { store: false });
  const sent = asList(provider.bodies.at(-1)!.input).map(({ type, name }) => name ?? type);
  const pairs = ['web_search', 'function_call_output', 'code_execution', 'function_call_output'];
  expect(sent).toEqual(['message', ...pairs, 'message']);
});
