import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine } from '../harness/command.ts';
import { eventually } from '../harness/eventually.ts';
import { OTHER_KEY, ROOT_KEY, temporaryDirectory, testGateway } from '../harness/gateway.ts';
import { inSession, type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { SchemaBook } from '../harness/json-schema.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** The management API over a real gateway: what operators ask, see and change. */

let journey: Journey;
let book: SchemaBook;
beforeAll(async () => {
  journey = await startJourney();
  const document = await json(fetch(`${journey.gateway.url}/openapi.json`));
  book = new SchemaBook(asJson(asJson(document.components).schemas) as Record<string, Json>);
});
afterAll(() => journey.end());

const call = (path: string, init?: RequestInit) => journey.gateway.fetch(`/admin/v1/${path}`, init);
const get = (path: string) => json(call(path));
const send = (method: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
  call(path, {
    method,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });

/** The reply, after a check of its form. */
async function shaped(path: string, schema: string): Promise<Json> {
  const reply = await get(path);
  expect(book.problems(schema, reply)).toEqual([]);
  return reply;
}

const say = (session: string, content: string, model = 'openai/gpt-4.1') =>
  journey.client.chat.completions.create(
    { model, messages: [{ role: 'user', content }], user: 'ann' },
    inSession(session),
  );

const idsOf = (list: Json) => asList(list.data).map(({ id }) => asText(id));
const turnsOf = async (session: string) => idsOf(await get(`sessions/${session}/turns`));

describe('sessions', () => {
  test('are listed, filtered, searched and read, with each reply as it is documented', async () => {
    await say('berlin', 'Where do lobsters live?');
    await say('berlin', 'And crabs?');
    const list = await shaped('sessions?name=berlin', 'AdminSessionList');
    const [session] = asList(list.data);
    expect(session).toMatchObject({
      name: 'berlin',
      turns: 2,
      model: 'openai/gpt-4.1',
      user: 'ann',
      key: 'root',
    });
    expect(idsOf(await get('sessions?model=openai/gpt-4.1&user=ann&since=1h'))).toContain(
      asText(session!.id),
    );
    expect(idsOf(await get('sessions?min_cost=1000'))).toEqual([]);
    const hits = await shaped('search?q=lobst*', 'AdminSearchList');
    expect(asText(asList(hits.data)[0]?.snippet)).toContain('[lobst]ers live');
    expect(asList((await get('search?q=lobst*&tenant=other')).data)).toEqual([]);
    await shaped('sessions/berlin', 'AdminSessionDetail');
    const tree = await shaped('sessions/berlin/tree', 'AdminTree');
    expect(asList(tree.turns)).toHaveLength(2);
    const turns = await shaped('sessions/berlin/turns?limit=1', 'AdminTurnList');
    expect(asList(asList(turns.data)[0]?.input)).toHaveLength(1);
    const rest = await get(`sessions/berlin/turns?limit=1&cursor=${asText(turns.next_cursor)}`);
    expect(asText(asList(rest.data)[0]?.parent)).toBe(idsOf(turns)[0]!);
    await shaped('tenants', 'AdminTenantList');
  });

  test('are renamed, tagged and deleted, under the version that was seen', async () => {
    await say('draft', 'hello');
    const before = await call('sessions/draft');
    const tag = before.headers.get('etag')!;
    expect((await call('sessions/draft', { headers: { 'if-none-match': tag } })).status).toBe(304);
    const renamed = await send(
      'PATCH',
      'sessions/draft',
      { name: 'final', tags: ['vip'] },
      { 'if-match': tag },
    );
    expect(renamed.status).toBe(200);
    expect((await send('PATCH', 'sessions/final', { tags: [] }, { 'if-match': tag })).status).toBe(412);
    expect(idsOf(await get('sessions?tag=vip'))).toHaveLength(1);
    await say('other', 'hello');
    expect((await send('PATCH', 'sessions/other', { name: 'final' })).status).toBe(409);
    // The name leads to the same session at once.
    await say('final', 'again');
    expect(await turnsOf('final')).toHaveLength(2);
    const [turn] = await turnsOf('final');
    expect((await call('sessions/final', { method: 'DELETE' })).status).toBe(200);
    expect((await call('sessions/final')).status).toBe(404);
    expect((await journey.gateway.fetch(`/v1/responses/${turn}`)).status).toBe(404);
    const { id } = (await json(renamed)) as { id: string };
    expect((await call(`sessions/${id}`, { method: 'DELETE' })).status).toBe(404);
    expect((await call(`sessions/${id}?erase=true`, { method: 'DELETE' })).status).toBe(200);
    expect((await call(`sessions/${id}?erase=true`, { method: 'DELETE' })).status).toBe(404);
    await say('gone', 'unmistakableword');
    expect((await call('sessions/gone?erase=true', { method: 'DELETE' })).status).toBe(200);
    expect(asList((await get('search?q=unmistakableword')).data)).toEqual([]);
  });

  test('are rewound, forked and edited; no turn is lost', async () => {
    await say('tree', 'one');
    await say('tree', 'two');
    const [first, second] = await turnsOf('tree');
    expect((await send('POST', 'sessions/tree/rewind', { turn: first })).status).toBe(200);
    await say('tree', 'three');
    const [, third] = await turnsOf('tree');
    expect(third).not.toBe(second);
    expect(asList((await get('sessions/tree/tree')).turns)).toHaveLength(3);
    const fork = await json(send('POST', 'sessions/tree/fork', { turn: second, name: 'copy' }));
    expect(fork).toMatchObject({ name: 'copy', turns: 2, cost_usd: 0 });
    await say('copy', 'four');
    expect(await turnsOf('copy')).toHaveLength(3);
    const turn = await shaped(`turns/${third}`, 'AdminTurn');
    const [item] = asList(turn.output);
    const value = { type: 'message', role: 'assistant', content: 'Edited.' };
    const edited = await send('POST', 'sessions/tree/edit', { item: item!.id, value });
    expect(edited.status).toBe(200);
    const now = await get(`turns/${(await turnsOf('tree')).at(-1)}`);
    expect(now).toMatchObject({ origin: { kind: 'edit', from: third }, parent: first });
    expect(JSON.stringify(now.output)).toContain('Edited.');
    // The next turn follows the edited one.
    await say('tree', 'five');
    const items = await json(journey.gateway.fetch('/v1/conversations/tree/items?limit=100'));
    expect(JSON.stringify(items)).toContain('Edited.');
    const usage = asList((await get('usage?by=model')).data);
    expect(asList((await get('sessions?name=tree')).data)[0]?.turns).toBe(5);
    expect(usage.length).toBeGreaterThan(0);
  });

  test('need the root key', async () => {
    const refused = await journey.gateway.fetch('/admin/v1/sessions', { key: OTHER_KEY });
    expect(refused.status).toBe(403);
    expect((await get('sessions?nope=1')).error).toMatchObject({ param: 'nope' });
  });
});

describe('turns', () => {
  test('are seen, followed and cancelled while they run', async () => {
    const controller = new AbortController();
    const running = journey.client.responses.create(
      { model: 'openai/delay-60000', input: 'hello', background: true },
      { signal: controller.signal },
    );
    const { id } = await running;
    await eventually(
      'the turn',
      () => get('turns/running'),
      (list) => idsOf(list).includes(id),
    );
    await shaped('turns/running', 'AdminRunningTurnList');
    const followed = call(`turns/${id}/events`).then((reply) => reply.text());
    expect((await call(`turns/${id}/cancel`, { method: 'POST' })).status).toBe(200);
    expect(serverEvents(await followed).events.at(-1)).toMatchObject({
      event: 'ended',
      data: { state: 'cancelled' },
    });
    const failed = await shaped('turns/failed', 'AdminFailedTurnList');
    expect(idsOf(failed)).toContain(id);
  });

  test('are followed from any event on', async () => {
    await say('followed', 'hello');
    const [id] = await turnsOf('followed');
    const all = serverEvents(await (await call(`turns/${id}/events`)).text()).events;
    expect(all.length).toBeGreaterThan(3);
    expect(all[0]).toMatchObject({ event: 'asked', data: { type: 'asked' } });
    const rest = await call(`turns/${id}/events`, { headers: { 'last-event-id': String(all.length - 4) } });
    expect(serverEvents(await rest.text()).events.slice(1)).toEqual(all.slice(-2) as never);
  });

  test('are reported as they happen', async () => {
    const reply = await call('events');
    await say('live', 'hello');
    const reader = reply.body!.getReader();
    let text = '';
    while (!text.includes('turn_ended')) text += new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
    const { events } = serverEvents(`${text.slice(0, text.lastIndexOf('\n\n'))}\n\n`);
    for (const { data } of events) expect(book.problems('AdminEvent', data)).toEqual([]);
    expect(events.map(({ event }) => event)).toEqual(expect.arrayContaining(['minute', 'turn_started']));
    expect(text).not.toContain('hello');
  });
});

describe('claws and usage', () => {
  test('say which claw is ill, and what it costs', async () => {
    await say('billed', 'hello');
    const claws = await shaped('claws', 'AdminClawList');
    expect(asList(claws.data).find(({ name }) => name === 'openai')).toMatchObject({ on: true });
    await shaped('models', 'AdminModelList');
    const tested = await json(call('claws/openai/test', { method: 'POST' }));
    expect(tested).toMatchObject({ ok: true });
    expect(book.problems('AdminClawTest', tested)).toEqual([]);
    const off = await call('claws/mistral/test', { method: 'POST' });
    expect(off.status).toBe(400);
    expect(await off.text()).toContain('not turned on here: set MISTRAL_API_KEY');
    const usage = await shaped('usage?by=model,key,user,day', 'AdminUsageList');
    const row = asList(usage.data).find(({ user, model }) => user === 'ann' && model === 'openai/gpt-4.1');
    expect(row).toMatchObject({ key: 'root', failed_turns: 0 });
    const csv = await (await call('usage?by=model&format=csv')).text();
    expect(csv.split('\r\n')[0]).toStartWith('model,turns,');
    expect((await call('usage?by=nonsense')).status).toBe(400);
  });

  test('count turns that are not kept, exactly', async () => {
    const turns = async () =>
      asList((await get('usage?model=anthropic/claude-sonnet-4-5')).data).map((row) => Number(row.turns));
    const create = () =>
      journey.client.chat.completions.create({
        model: 'anthropic/claude-sonnet-4-5',
        messages: [{ role: 'user', content: 'stateless' }],
      });
    for (let i = 0; i < 3; i++) await create();
    expect(await turns()).toEqual([3]);
  });
});

/** The lines of an export, without what an import notes. */
const linesOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const parsed = asJson(JSON.parse(line));
      const turn = parsed.turn as Json | undefined;
      if (turn) delete asJson(turn.more).origin;
      return parsed;
    });

describe('exports and imports', () => {
  test('are equal after a round trip to another gateway', async () => {
    await say('round', 'one');
    await say('round', 'two');
    const [first] = await turnsOf('round');
    await send('POST', 'sessions/round/rewind', { turn: first });
    await journey.client.chat.completions.create(
      {
        model: 'openai/gpt-4.1',
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'what is this?' },
              {
                type: 'image_url',
                image_url: { url: `data:image/png;base64,${'iVBORw0KGgo'.padEnd(20_000, 'A')}` },
              },
            ],
          },
        ],
      },
      inSession('round'),
    );
    await journey.gateway.fetch('/v1/conversations/round/values/step', { method: 'PUT', body: '{"a":1}' });
    await send('PATCH', 'sessions/round', { tags: ['keep'] });
    const exported = await (await call('sessions/round/export')).text();
    expect(linesOf(exported).length).toBe(5);
    const next = await testGateway({ provider: journey.provider.url });
    try {
      const imported = await json(next.fetch('/admin/v1/import', { method: 'POST', body: exported }));
      expect(asList(imported.sessions)[0]).toMatchObject({
        name: 'round',
        turns: 3,
        rekeyed: false,
        renamed: false,
      });
      expect(book.problems('AdminImport', imported)).toEqual([]);
      const again = await (await next.fetch('/admin/v1/sessions/round/export')).text();
      expect(linesOf(again)).toEqual(linesOf(exported));
      const usage = await json(next.fetch('/admin/v1/usage'));
      expect(asList(usage.data)).toEqual([]);
      // The imported session goes on.
      const reply = await next.post(
        '/v1/chat/completions',
        { model: 'openai/gpt-4.1', messages: [{ role: 'user', content: 'three' }] },
        { 'x-session-id': 'round' },
      );
      expect(reply.status).toBe(200);
    } finally {
      await next.stop();
    }
    // Here the ids and the name are taken.
    const copy = await json(call('import', { method: 'POST', body: exported }));
    const [session] = asList(copy.sessions);
    expect(session).toMatchObject({ name: null, turns: 3, rekeyed: true, renamed: true });
    const ofCopy = await (await call(`sessions/${asText(session!.id)}/export`)).text();
    const original = asText(asJson(linesOf(exported)[0]!.session).id).slice(5);
    expect(ofCopy.replaceAll(/"origin":\{[^}]*\}/g, '')).not.toContain(original);
  });

  test('refuse malformed lines with their numbers', async () => {
    const refused = await json(call('import', { method: 'POST', body: '{"clawhold":1,"session":{}}\n' }));
    expect(asText(asJson(refused.error).message)).toContain('line 1');
    expect((await call('import', { method: 'POST', body: '' })).status).toBe(400);
  });

  test('have forms for other programs', async () => {
    await say('forms', 'What is a claw?');
    const messages = await json(call('sessions/forms/export?form=openai'));
    expect(asList(messages.messages).map(({ role }) => role)).toEqual(['user', 'assistant']);
    const back = await json(send('POST', 'import?form=openai&name=forms2', messages));
    expect(asList(back.sessions)[0]).toMatchObject({ name: 'forms2', turns: 1 });
    const again = await json(call('sessions/forms2/export?form=openai'));
    expect(again.messages).toEqual(messages.messages);
    const markdown = await (await call('sessions/forms/export?form=markdown')).text();
    expect(markdown).toContain('# forms\n\n**user**\n\nWhat is a claw?');
  });

  test('lose no turn of a long conversation, whose messages have no times', async () => {
    const messages = Array.from({ length: 10_000 }, (_, index) => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: `message ${index}`,
    }));
    await json(send('POST', 'import?form=openai&name=lengthy', { messages }));
    expect(asList((await get('sessions/lengthy/tree')).turns)).toHaveLength(5_000);
    const latest = asList((await get('sessions/lengthy/turns?order=desc&limit=100')).data);
    expect(JSON.stringify(latest.at(-1))).toContain('message 9800');
  });

  test('read a conversation of ChatGPT with its branches', async () => {
    const said = (id: string, parent: string | null, role: string, text: string, model?: string) => [
      id,
      {
        id,
        parent,
        children: [],
        message: {
          id,
          author: { role },
          create_time: 1_700_000_000.5,
          content: { content_type: 'text', parts: [text] },
          metadata: model ? { model_slug: model } : {},
        },
      },
    ];
    const conversation = {
      title: 'Crabs',
      create_time: 1_700_000_000,
      conversation_id: 'abc',
      current_node: 'a2',
      mapping: Object.fromEntries([
        ['root', { id: 'root', parent: null, children: ['q1'], message: null }],
        said('q1', 'root', 'user', 'What are crabs?'),
        said('a1', 'q1', 'assistant', 'Animals.', 'gpt-4o'),
        said('a2', 'q1', 'assistant', 'Crustaceans.', 'gpt-4o'),
        said('q2', 'a1', 'user', 'Where?'),
      ]),
    };
    const made = await json(send('POST', 'import?form=chatgpt&name=crabs', [conversation]));
    expect(asList(made.sessions)[0]).toMatchObject({ name: 'crabs', turns: 3, left_out: {} });
    const branch = asList((await get('sessions/crabs/turns')).data);
    expect(JSON.stringify(branch)).toContain('Crustaceans.');
    expect(branch).toHaveLength(1);
    expect(branch[0]).toMatchObject({ asked_model: 'gpt-4o', origin: { form: 'chatgpt' } });
    await say('crabs', 'Go on.');
    expect(await turnsOf('crabs')).toHaveLength(2);
  });

  test('read an export of LibreChat', async () => {
    const conversation = {
      conversationId: 'lc1',
      title: 'Shells',
      options: { model: 'claude-sonnet-4-5' },
      messages: [
        {
          messageId: 'm1',
          parentMessageId: '00000000-0000-0000-0000-000000000000',
          isCreatedByUser: true,
          text: 'Hi',
          createdAt: '2025-01-01T00:00:00Z',
        },
        {
          messageId: 'm2',
          parentMessageId: 'm1',
          isCreatedByUser: false,
          text: '',
          content: [
            { type: 'think', think: 'A greeting.' },
            { type: 'tool_call', tool_call: { id: 'c1', name: 'look', args: '{}', output: 'seen' } },
            { type: 'text', text: 'Hello!' },
            { type: 'hologram' },
          ],
        },
      ],
    };
    const made = await json(send('POST', 'import?form=librechat&name=shells', conversation));
    expect(asList(made.sessions)[0]).toMatchObject({ turns: 1, left_out: { hologram: 1 } });
    const [turn] = asList((await get('sessions/shells/turns')).data);
    expect(asList(turn!.output).map(({ type }) => type)).toEqual([
      ...['reasoning', 'function_call', 'function_call_output', 'message'],
    ]);
  });
});

describe('the commands', () => {
  const cwd = temporaryDirectory();
  afterAll(() => rmSync(cwd, { recursive: true }));
  const { clawhold } = commandLine(cwd);
  const run = (...args: string[]) => clawhold([...args, '--url', journey.gateway.url, '--key', ROOT_KEY]);

  test('of docs/admin.md all work', async () => {
    await say('trip', 'hello lobster');
    await say('trip', 'again');
    await say('draft', 'hello');
    const [turn] = await turnsOf('trip');
    const text = readFileSync(join(import.meta.dir, '../../docs/admin.md'), 'utf8');
    const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) =>
      block!.trim().split('\n'),
    );
    const commands = blocks.filter(
      (line) => line.startsWith('clawhold ') && !line.includes('conversations.json'),
    );
    expect(commands.length).toBeGreaterThan(20);
    for (const command of commands) {
      const [line, file] = command.replaceAll('resp_…', turn!).split(' > ');
      const { out, err, code } = await run(...line!.split(' ').slice(1));
      // A turn that has ended cannot be cancelled.
      if (!command.includes('cancel')) expect([command, err, code]).toEqual([command, '', 0]);
      if (file) await Bun.write(join(cwd, file), out);
    }
  }, 120_000);

  test('print tables for people, JSON for programs, and help', async () => {
    await say('tabled', 'hello');
    const { out } = await run('sessions', '--name', 'tabled', '--table');
    expect(out).toMatch(/^SESSION +AGE +TURNS[\s\S]+\ntabled /);
    const { out: text } = await run('sessions', '--name', 'tabled');
    expect(JSON.parse(text)).toMatchObject([{ name: 'tabled', turns: 1 }]);
    for (const name of ['sessions', 'turns', 'claws', 'usage', 'export', 'import'])
      expect((await clawhold([name, '--help'])).out).toStartWith(`clawhold ${name}: `);
    expect((await run('turns', 'nonsense')).err).toContain('There is no command "turns nonsense"');
    expect((await clawhold(['claws', '--url', journey.gateway.url, '--key', 'sk-wrong'])).code).toBe(1);
  }, 60_000);
});
