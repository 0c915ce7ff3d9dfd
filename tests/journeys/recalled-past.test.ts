import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { OTHER_KEY } from '../harness/gateway.ts';
import { completionText, inSession, type Journey, json, startJourney } from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

const YAML = `claws:
  openai:
    models:
      - { id: say-5+window-8000, context: 8000, input_price: 1, output_price: 2 }
      - { id: say-5+wide, context: 400000 }
      - { id: say-5+brief, context: 2000 }
  anthropic:
    models: [{ id: say-5+window-8000+dear-120, context: 8000 }]
keys:
  - { name: other, key: ${OTHER_KEY}, tenant: other }
`;

/** What the user says among many other things, by turn. */
const SAID: Record<number, string> = {
  3: "My dog's name is Rex.",
  10: 'From now on, always answer in French.',
  20: "By the way, I can't eat nuts.",
  500: 'Please call me Ada.',
  700: 'The code of the garage door is 4711.',
  900: 'Please answer in German from now on, no longer in French.',
  1100: 'The code of the garage door has changed: it is 1288.',
};
const TURNS = 2_000;
const PLACES = ['harbour', 'library', 'market', 'museum', 'station', 'theatre', 'bakery', 'garden'];
const fillerOf = (turn: number) =>
  `Today, on day ${turn}, we walked from the ${PLACES[turn % 8]} to the ${PLACES[(turn * 5 + 3) % 8]} and talked about the weather, trains and music.`;

/** They refuse what is longer than 8,000 tokens as they count it: o200k, and a fifth more. */
const NARROW = ['openai/say-5+window-8000', 'anthropic/say-5+window-8000+dear-120'];

let journey: Journey;

beforeAll(async () => {
  journey = await startJourney({ yaml: YAML });
});
afterAll(() => journey.end());

const say = (session: string, content: string, model = 'openai/say-5+wide', more: object = {}) =>
  journey.client.chat.completions
    .create({ model, messages: [{ role: 'user', content }], max_tokens: 100, ...more }, inSession(session))
    .withResponse();

/** Many turns at little cost: the prompts have the latest turns alone. */
async function fill(session: string, turns: number): Promise<void> {
  const headers = { 'x-session-id': session, 'x-clawhold-context-policy': 'truncate' };
  for (let turn = 0; turn < turns; turn++) {
    const messages = [{ role: 'user', content: SAID[turn] ?? fillerOf(turn) }];
    const body = { model: 'openai/say-5+brief', messages, max_tokens: 100 };
    expect((await journey.gateway.post('/v1/chat/completions', body, headers)).status).toBe(200);
  }
}

const promptOf = () => sent(journey.provider.requests.at(-1));
const pinnedIn = (lines: readonly string[]) =>
  lines.find((line) => line.includes('Standing instructions')) ?? '';
const foundIn = (lines: readonly string[]) =>
  lines.find((line) => line.includes('Excerpts from earlier')) ?? '';

async function fetchJson(path: string, init?: RequestInit): Promise<Json> {
  return json(journey.gateway.fetch(path, init));
}

async function receiptOf(response: Response): Promise<Json> {
  return fetchJson(`/v1/responses/${response.headers.get('x-clawhold-response-id')}/receipt`);
}

describe('a session of 2,000 turns', () => {
  const session = 'long';

  beforeAll(() => fill(session, TURNS), 120_000);

  test.each(NARROW)('keeps facts and standing instructions when %s has 8,000 tokens', async (model) => {
    const { response } = await say(session, "What is my dog's name?", model);
    const lines = promptOf();
    expect(foundIn(lines)).toContain("My dog's name is Rex.");
    expect(pinnedIn(lines)).toContain('answer in German');
    expect(pinnedIn(lines)).not.toContain('answer in French.');
    expect(pinnedIn(lines)).toContain("can't eat nuts");
    expect(pinnedIn(lines)).toContain('call me Ada');
    // The latest turns are whole, and the question is last.
    expect(lines.some((line) => line.includes(`on day ${TURNS - 1},`))).toBe(true);
    expect(lines.at(-1)).toContain("What is my dog's name?");
    const receipt = await receiptOf(response);
    const context = asJson(receipt.context);
    expect(context).toMatchObject({ policy: 'auto', limit: 8000 });
    expect(Number(context.tokens)).toBeLessThanOrEqual(8000 - Number(context.reserved));
    expect(asList(context.pinned).length).toBeGreaterThanOrEqual(3);
    expect(asList(context.retrieved).length).toBeGreaterThan(3);
  });

  test('has corrections of facts in the prompt, with the dates of both', async () => {
    await say(session, 'Which code opens the garage door?', NARROW[0]);
    const found = foundIn(promptOf());
    expect(found.indexOf('4711')).toBeGreaterThan(-1);
    expect(found.indexOf('1288')).toBeGreaterThan(found.indexOf('4711'));
  });

  test('has early facts, preferences and later corrections each time that the model changes', async () => {
    for (const model of [...NARROW, ...NARROW]) {
      await say(session, "What is my dog's name, and which code opens the garage door?", model);
      const lines = promptOf();
      expect(foundIn(lines)).toContain("My dog's name is Rex.");
      expect(foundIn(lines)).toContain('it is 1288');
      expect(pinnedIn(lines)).toContain('answer in German');
      expect(pinnedIn(lines)).not.toContain('always answer in French');
      expect(pinnedIn(lines)).toContain("can't eat nuts");
      expect(pinnedIn(lines)).toContain('call me Ada');
      await say(session, 'And now?');
      expect(promptOf().length).toBeGreaterThan(2 * TURNS);
    }
  });

  test('is whole again for a model with room for it, and the offline claw answers from it', async () => {
    const { response } = await say(session, 'And now?', 'openai/say-5+wide');
    expect(promptOf().length).toBeGreaterThan(2 * TURNS);
    expect(foundIn(promptOf())).toBe('');
    expect(response.headers.get('x-clawhold-context')).toContain('dropped=0');
    const offline = await say(session, "What is my dog's name?", 'local/recall');
    expect(completionText(offline.data)).toContain('Rex');
  });

  test('tells its cost, and the cost of the whole conversation', async () => {
    const { response } = await say(session, 'Where were we on day 77?', NARROW[0]);
    const receipt = await receiptOf(response);
    const { cost_usd: cost, cost_of_everything_usd: everything } = receipt;
    expect(Number(cost)).toBeGreaterThan(0);
    expect(Number(everything)).toBeGreaterThan(5 * Number(cost));
    // This model has no lower price for cached input.
    expect(receipt.cost_of_everything_cached_usd).toBe(everything);
  });

  test('gives the same prompt for the same request', async () => {
    const body = JSON.stringify({ model: NARROW[0], input: "What is my dog's name?", conversation: session });
    const headers = { 'content-type': 'application/json', 'x-clawhold-context-policy': 'auto' };
    const preview = () => fetchJson('/v1/context/preview', { method: 'POST', headers, body });
    const first = await preview();
    expect(asList(first.retrieved).map(({ text }) => text)).toContain("My dog's name is Rex.");
    expect(await preview()).toEqual(first);
    const before = journey.provider.requests.length;
    await preview();
    expect(journey.provider.requests.length).toBe(before);
  });

  test.each(['truncate', 'full', 'retrieve'])('has what the policy %s says', async (policy) => {
    const asked = journey.client.chat.completions.create(
      { model: NARROW[0]!, max_tokens: 100, messages: [{ role: 'user', content: "What is my dog's name?" }] },
      { headers: { 'x-session-id': session, 'x-clawhold-context-policy': policy } },
    );
    if (policy === 'full') {
      await expect(asked.then(({ id }) => id)).rejects.toMatchObject({
        status: 400,
        code: 'context_length_exceeded',
      });
      return;
    }
    await asked;
    const isRetrieved = policy === 'retrieve';
    expect(foundIn(promptOf()).includes('Rex')).toBe(isRetrieved);
    expect(pinnedIn(promptOf()).includes('German')).toBe(isRetrieved);
  });
});

describe('pins', () => {
  const pinsOf = async (session: string) =>
    asList((await fetchJson(`/v1/conversations/${session}/pins`)).data).map(asJson);
  const textsOf = async (session: string) => (await pinsOf(session)).map(({ text }) => asText(text));

  test('are listed with their turns, and follow what the user changes', async () => {
    await say('pins', 'Always answer in French.');
    await say('pins', 'My name is Ada.');
    expect(await textsOf('pins')).toEqual(['Always answer in French.', 'My name is Ada.']);
    await say('pins', 'Always answer in Spanish instead.');
    expect(await textsOf('pins')).toEqual(['My name is Ada.', 'Always answer in Spanish instead.']);
    const [pin] = await pinsOf('pins');
    const item = await fetchJson(`/v1/conversations/pins/items/${asText(pin!.item_id)}`);
    expect(JSON.stringify(item)).toContain('My name is Ada.');
  });

  test('that are removed stay away until the user says them again', async () => {
    await say('removed', 'Never use tables.');
    const [pin] = await pinsOf('removed');
    const path = `/v1/conversations/removed/pins/${asText(pin!.id)}`;
    expect(await fetchJson(path, { method: 'DELETE' })).toMatchObject({ deleted: true });
    expect(await textsOf('removed')).toEqual([]);
    expect((await journey.gateway.fetch(path, { method: 'DELETE' })).status).toBe(404);
    await say('removed', 'Never use tables.');
    expect(await textsOf('removed')).toEqual(['Never use tables.']);
  });

  test('of a hidden item are gone', async () => {
    await say('hidden', 'Never use tables.');
    const [pin] = await pinsOf('hidden');
    await fetchJson(`/v1/conversations/hidden/items/${asText(pin!.item_id)}`, { method: 'DELETE' });
    expect(await textsOf('hidden')).toEqual([]);
  });

  test('of another tenant or session are not found', async () => {
    await say('own', 'Never use tables.');
    const [pin] = await pinsOf('own');
    const other = { headers: { authorization: `Bearer ${journey.otherClient.apiKey}` } };
    expect((await journey.gateway.fetch('/v1/conversations/own/pins', other)).status).toBe(404);
    await say('another', 'Hello.');
    const path = `/v1/conversations/another/pins/${asText(pin!.id)}`;
    expect((await journey.gateway.fetch(path, { method: 'DELETE' })).status).toBe(404);
    expect(await textsOf('own')).toHaveLength(1);
  });
});

test('a fork has nothing of the other branch', async () => {
  const ask = (input: string, previous?: string, model = 'openai/say-5+wide') =>
    journey.client.responses.create({ model, input, previous_response_id: previous, truncation: 'auto' });
  let { id: root } = await ask('Let us begin.');
  for (let turn = 0; turn < 150; turn++) root = (await ask(fillerOf(turn), root)).id;
  const left = await ask('My secret word is heliotrope. Always answer in French.', root);
  const right = await ask('My secret word is marigold. Always answer in German.', root);
  for (const [tip, own, other] of [
    [left.id, 'heliotrope', 'marigold'],
    [right.id, 'marigold', 'heliotrope'],
    [left.id, 'heliotrope', 'marigold'],
  ] as const) {
    let last = tip;
    for (let turn = 0; turn < 120; turn++) last = (await ask(fillerOf(turn + 500), last)).id;
    await ask('What is my secret word?', last, NARROW[0]);
    const prompt = promptOf().join('\n');
    expect(prompt).toContain(own);
    expect(prompt).not.toContain(other);
  }
}, 60_000);

test.each([60, 400])(
  'a fact behind the middle of a document of %d pages is found',
  async (pages) => {
    const session = `document-${pages}`;
    const page = (number: number) =>
      `Page ${number} is about ${PLACES[number % 8]} and trains. ${'More of it follows here. '.repeat(40)}\n`;
    const document = Array.from({ length: pages }, (_, number) =>
      number === pages / 2 ? 'The warranty of the boiler ends in March 2031.\n' : page(number),
    ).join('');
    await say(session, document);
    for (let turn = 0; turn < 60; turn++) await say(session, fillerOf(turn));
    const { response } = await say(session, 'When does the warranty of the boiler end?', NARROW[0]);
    expect(foundIn(promptOf())).toContain('March 2031');
    const context = asJson((await receiptOf(response)).context);
    expect(Number(context.tokens)).toBeLessThanOrEqual(8000 - Number(context.reserved));
  },
  30_000,
);

test('an item that was hidden is not retrieved', async () => {
  const session = 'hides';
  await say(session, 'The password of the boat is seahorse.');
  for (let turn = 0; turn < 250; turn++) await say(session, fillerOf(turn));
  const question = 'What is the password of the boat?';
  await say(session, question, NARROW[0]);
  expect(foundIn(promptOf())).toContain('seahorse');
  const items = asList((await fetchJson(`/v1/conversations/${session}/items?order=asc&limit=1`)).data);
  await fetchJson(`/v1/conversations/${session}/items/${asText(asJson(items[0]).id)}`, { method: 'DELETE' });
  await say(session, question, NARROW[0]);
  expect(promptOf().join('\n')).not.toContain('seahorse');
}, 30_000);

test('items that are appended keep the day on which they were said', async () => {
  const session = 'appended';
  await say(session, 'Hello.');
  const metadata = { date: '2024-02-29T10:00:00Z' };
  const said = { type: 'message', role: 'user', content: 'The licence plate of the van is QX-77.' };
  const added = await journey.gateway.post(`/v1/conversations/${session}/items`, { items: [said], metadata });
  expect(added.status).toBe(200);
  for (let turn = 0; turn < 250; turn++) await say(session, fillerOf(turn));
  await say(session, 'What is the licence plate of the van?', NARROW[0]);
  expect(foundIn(promptOf())).toMatch(/2024-02-29:\nuser: The licence plate of the van is QX-77\./);
}, 30_000);
