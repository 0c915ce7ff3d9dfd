import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

let journey: Journey;
let count = 0;
let session = '';

beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => {
  journey.provider.reset();
  session = `marks-${count++}`;
});
afterAll(() => journey.end());

const MARK = { cache_control: { type: 'ephemeral' } };
const LONG = { cache_control: { type: 'ephemeral', ttl: '1h' } };
const text = (words: string, mark: Json = {}) => ({ type: 'text', text: words, ...mark });
const user = (words: string, mark?: Json) => ({ role: 'user', content: [text(words, mark)] });

/** Sends a chat request in the session; returns the answer's text. */
async function ask(messages: Json[], { model = 'anthropic/echo', ...more }: Json = {}): Promise<string> {
  const body = { model, messages, ...more };
  const response = await journey.gateway.post('/v1/chat/completions', body, { 'x-session-id': session });
  const answer = await json(response);
  expect([response.status, answer.error]).toEqual([200, undefined]);
  return asText(asJson(asList(answer.choices)[0]?.message).content);
}

/** What the last request had a mark on, with the mark's time to live. */
function marked(): string[] {
  const { tools, system, messages } = asJson(journey.provider.requests.at(-1)!.body);
  const blocks = asList(messages).flatMap(({ content }) => asList(content));
  return [...asList(tools), ...asList(system), ...blocks].flatMap((block) => {
    if (block.cache_control === undefined) return [];
    const { ttl } = asJson(block.cache_control);
    const name = asText(block.text) || asText(block.name) || asText(block.type);
    return [ttl === undefined ? name : `${name} ${asText(ttl)}`];
  });
}

describe('cache marks in a session', () => {
  test('one on each new message never adds up', async () => {
    for (let turn = 1; turn <= 7; turn++) {
      await ask([user(`question ${turn}`, MARK)]);
      expect(marked()).toEqual([`question ${turn}`]);
    }
  });

  test('a request without marks gets those of the gateway after requests with marks', async () => {
    await ask([user('one', LONG)]);
    await ask([user('two')]);
    expect(marked()).toEqual(['one', 'two']);
  });

  test('are sent on history that the session holds already', async () => {
    const history: Json[] = [{ role: 'system', content: [text('Be brief.', LONG)] }, user('hi')];
    for (let turn = 1; turn <= 4; turn++) {
      const answer = await ask(history);
      expect(marked()).toEqual(['Be brief. 1h']);
      history.push({ role: 'assistant', content: answer }, user('hi'));
    }
    const moved = history.map((message, index) => (index === 3 ? user('hi', MARK) : message));
    await ask(moved);
    expect(marked()).toEqual(['Be brief. 1h', 'hi']);
    const blocks = asList(asJson(journey.provider.requests.at(-1)!.body).messages);
    expect(asList(blocks[2]?.content)[0]).toEqual(text('hi', MARK));
  });

  test('are sent on instructions that are repeated with each new message', async () => {
    const system = { role: 'system', content: [text('Be brief.', MARK)] };
    await ask([system, user('one')]);
    await ask([system, user('two')]);
    expect(marked()).toEqual(['Be brief.']);
  });

  test('of more than four, the last ones count, and one-hour ones first', async () => {
    const parts = ['a', 'b', 'c', 'd', 'e', 'f'].map((word) => text(word, word === 'b' ? LONG : MARK));
    await ask([{ role: 'user', content: parts }]);
    expect(marked()).toEqual(['b 1h', 'd', 'e', 'f']);
  });

  test('are taken from messages, tools and tool outputs', async () => {
    const tool = { type: 'function', function: { name: 'look', parameters: { type: 'object' } } };
    const call = { id: 'c1', type: 'function', function: { name: 'look', arguments: '{}' } };
    await ask(
      [
        { role: 'user', content: 'look', ...MARK },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c1', content: 'seen', ...MARK },
      ],
      { tools: [{ ...tool, ...MARK }] },
    );
    expect(marked()).toEqual(['look', 'look', 'tool_result']);
  });

  test('of the responses dialect are the same', async () => {
    const input = (words: string) => [
      { role: 'user', content: [{ type: 'input_text', text: words, ...MARK }] },
    ];
    let previous_response_id: unknown;
    for (let turn = 1; turn <= 6; turn++) {
      const body = { model: 'anthropic/echo', input: input(`question ${turn}`), previous_response_id };
      const response = await json(journey.gateway.post('/v1/responses', body));
      previous_response_id = response.id;
      expect([response.status, marked()]).toEqual(['completed', [`question ${turn}`]]);
    }
  });

  test('are not stored, not even by items that are added', async () => {
    await ask([user('one', MARK)]);
    const conversation = await json(
      journey.gateway.post('/v1/conversations', {
        items: [{ role: 'user', content: [{ type: 'input_text', text: 'added', ...MARK }] }],
      }),
    );
    const items = await journey.gateway.fetch(`/v1/conversations/${asText(conversation.id)}/items`);
    expect(await items.text()).not.toContain('cache_control');
    const stored = await journey.gateway.fetch(`/v1/conversations/${session}/items`);
    expect(await stored.text()).not.toContain('cache_control');
  });

  test.each(['openai', 'gemini', 'groq'])('are left out for %s', async (provider) => {
    await ask([user('one', MARK)], { model: `${provider}/echo` });
    await ask([user('two', MARK)], { model: `${provider}/echo` });
    expect(JSON.stringify(journey.provider.requests.at(-1)!.body)).not.toContain('cache_control');
  });
});
