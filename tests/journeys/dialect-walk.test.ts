import { afterAll, beforeAll, expect, test } from 'bun:test';
import { callsIn, DIALECTS, type Dialect, FORMS, PATHS, question } from '../harness/dialects.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

/** One session that is continued in every dialect, with calls of tools in each, at several providers. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const TOOL = { name: 'look', parameters: { type: 'object', properties: { at: { type: 'string' } } } };

async function ask(dialect: Dialect, session: string, model: string, fields: Json): Promise<Json> {
  const body = { model, tools: [FORMS[dialect].tool(TOOL)], ...fields };
  const response = await journey.gateway.post(PATHS[dialect], body, { 'x-session-id': session });
  expect(await response.clone().text()).not.toContain('"error":{');
  expect([dialect, response.status]).toEqual([dialect, 200]);
  return json(response);
}

/** The latest request to a provider, as text. */
const received = (): string => JSON.stringify(asJson(journey.provider.requests.at(-1)!.body));

const inOrder = (text: string, words: readonly string[]): boolean => {
  const places = words.map((word) => text.indexOf(word));
  return places.every((place, index) => place > (places[index - 1] ?? -1));
};

test.each<[string, readonly Dialect[], readonly string[]]>([
  ['in the order of the list', DIALECTS, ['openai', 'anthropic']],
  ['in the other order', DIALECTS.toReversed(), ['gemini', 'groq']],
  [
    'at every provider in turn',
    [...DIALECTS, ...DIALECTS.toReversed()],
    ['anthropic', 'gemini', 'openai', 'groq'],
  ],
])('a session walks through all dialects, %s', async (name, dialects, providers) => {
  const session = `walk ${name}`.replaceAll(' ', '-');
  const told: string[] = [];
  let last: Json = {};
  for (const [step, dialect] of dialects.entries()) {
    const provider = providers[step % providers.length]!;
    const asked = `question-${step}-in-${dialect}`;
    told.push(asked);
    const called = await ask(dialect, session, `${provider}/tool1`, question(dialect, asked));
    expect(inOrder(received(), told)).toBe(true);
    const [id] = callsIn(called, TOOL.name);
    if (id === undefined) throw new Error(`No call in ${JSON.stringify(called)}`);
    const seen = `seen-${step}-in-${dialect}`;
    told.push(seen);
    const output = FORMS[dialect].conversation(undefined, [FORMS[dialect].output(id, seen)]);
    last = await ask(dialect, session, `${provider}/tool1`, output);
    expect(inOrder(received(), told)).toBe(true);
    expect(FORMS[dialect].text(last)).toContain(seen);
  }
  const items = await json(
    journey.gateway.fetch(`/v1/conversations/${await idOf(session)}/items?limit=100&order=asc`),
  );
  expect(inOrder(JSON.stringify(items), told)).toBe(true);
  expect(asList(items.data).filter(({ type }) => type === 'function_call')).toHaveLength(dialects.length);
});

async function idOf(session: string): Promise<string> {
  const response = await journey.gateway.post(
    PATHS.chat,
    { model: 'openai/echo', messages: [{ role: 'user', content: 'end' }] },
    { 'x-session-id': session },
  );
  return response.headers.get('x-clawhold-session-id')!;
}
