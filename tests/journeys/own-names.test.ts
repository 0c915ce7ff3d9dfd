import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** Names of the caller, for parameters and tools, that a provider refuses or that the gateway uses itself. */

let journey: Journey;
let count = 0;
let session: Record<string, string> = {};

beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => {
  journey.provider.reset();
  session = { 'x-session-id': `own-names-${count++}` };
});
afterAll(() => journey.end());

const respond = (body: Json) => journey.gateway.post('/v1/responses', body, session);
const complete = (body: Json) => journey.gateway.post('/v1/chat/completions', body, session);
const upstreamBody = () => asJson(journey.provider.requests.at(-1)?.body);
const outputOf = (response: Json) => asList(response.output);

/** The whole response of a streamed or whole answer, and the text of its deltas of one kind. */
async function read(reply: Promise<Response>, kind: string): Promise<{ response: Json; deltas: string }> {
  const answer = await reply;
  if (answer.status !== 200) throw new Error(await answer.text());
  if (answer.headers.get('content-type')?.includes('json'))
    return { response: await json(answer), deltas: '' };
  const { events } = serverEvents(await answer.text());
  const deltas = events.filter(({ event }) => event === kind).map(({ data }) => asText(data.delta));
  return { response: asJson(events.at(-1)?.data.response), deltas: deltas.join('') };
}

/** The schemas of the functions that the provider received. */
function sentSchemas(): Json[] {
  return asList(upstreamBody().tools).flatMap((tool) => {
    const declared = tool.functionDeclarations ? asList(tool.functionDeclarations) : [tool];
    return declared.map((each) => asJson(each.parameters ?? each.input_schema ?? each.parametersJsonSchema));
  });
}

/** The arguments of the calls in the history that the provider received. */
function sentArguments(): Json[] {
  const { messages, contents, input } = upstreamBody();
  if (input) {
    const calls = asList(input).filter(({ type }) => type === 'function_call');
    return calls.map((call) => JSON.parse(asText(call.arguments)));
  }
  const blocks = asList(messages ?? contents).flatMap(({ content, parts }) => asList(content ?? parts));
  return blocks.flatMap(({ type, input: given, functionCall }) => {
    if (type === 'tool_use') return [asJson(given)];
    return functionCall ? [asJson(asJson(functionCall).args)] : [];
  });
}

const LONG = 'x'.repeat(70);
const OWN = ['$top', '_top', '@odata.type', 'filter[app]', 'naïve "key"', LONG];
const INNER = { type: 'object', properties: { '$in ner': { type: 'string' } }, required: ['$in ner'] };
const LIST = {
  type: 'function',
  name: 'list',
  strict: false,
  parameters: {
    type: 'object',
    properties: {
      ...Object.fromEntries(OWN.map((name) => [name, { type: 'string' }])),
      'in ner': INNER,
      same: { $ref: '#/properties/in ner' },
    },
    required: [...OWN, 'in ner'],
  },
};
const VALUE = { ...Object.fromEntries(OWN.map((name) => [name, 'Paris'])), 'in ner': { '$in ner': 'Paris' } };

describe.each([
  ['anthropic', /^[a-zA-Z0-9_.-]{1,64}$/],
  ['gemini', /^[a-zA-Z_][a-zA-Z0-9_]{0,63}$/],
  ['openai', /^/],
] as const)('names of parameters at %s', (provider, valid) => {
  test.each([false, true])(
    'are valid there, and the caller gets its own names back (stream: %p)',
    async (stream) => {
      const first = respond({ model: `${provider}/tools`, input: 'go', tools: [LIST], stream });
      const { response, deltas } = await read(first, 'response.function_call_arguments.delta');
      const [schema = {}] = sentSchemas();
      const names = Object.keys(asJson(schema.properties));
      for (const name of names) expect(name).toMatch(valid);
      expect(new Set(names).size).toBe(OWN.length + 2);
      expect(names[1]).toBe('_top');
      expect(schema.required).toEqual(names.slice(0, -1));
      expect(asJson(schema.properties).same).toEqual({ $ref: `#/properties/${names.at(-2)}` });
      expect(asJson(asJson(schema.properties)[names.at(-2)!]).required).toEqual(['$in ner']);

      const call = outputOf(response).find(({ type }) => type === 'function_call');
      expect(JSON.parse(asText(call?.arguments))).toEqual(VALUE);
      if (stream) expect(deltas).toBe(asText(call?.arguments));

      const output = { type: 'function_call_output', call_id: call?.call_id, output: 'done' };
      await read(respond({ model: `${provider}/echo`, input: [output], tools: [LIST] }), '');
      const [given = {}] = sentArguments();
      expect(Object.keys(given)).toEqual(names.slice(0, -1));
      expect(asJson(given[names.at(-2)!])).toEqual({ '$in ner': 'Paris' });
    },
  );

  test('are those of the caller in chat', async () => {
    const { type, ...fn } = LIST;
    const tools = [{ type, function: fn }];
    const messages = [{ role: 'user', content: 'go' }];
    const whole = await json(await complete({ model: `${provider}/tools`, messages, tools }));
    const [call] = asList(asJson(asList(whole.choices)[0]?.message).tool_calls);
    expect(JSON.parse(asText(asJson(call?.function).arguments))).toEqual(VALUE);
  });
});

/** Models without structured answers of their own: the answer comes as a call of the gateway's tool. */
const OLDER = 'anthropic/claude-3-haiku-20240307';

describe('the tool for structured answers', () => {
  const schema = {
    type: 'object',
    properties: { 'the city': { type: 'string' }, city: { type: 'string' } },
    required: ['the city', 'city'],
    additionalProperties: false,
  };
  const text = { format: { type: 'json_schema', name: 'x', strict: true, schema } };
  const MINE = {
    type: 'function',
    name: 'structured_answer',
    strict: false,
    parameters: { type: 'object', properties: { mine: { type: 'string' } } },
  };

  test.each([false, true])('gives the names that the schema has (stream: %p)', async (stream) => {
    const reply = respond({ model: `${OLDER}+tools`, input: 'go', text, stream });
    const { response, deltas } = await read(reply, 'response.output_text.delta');
    const [{ content } = {}] = outputOf(response);
    const answer = asText(asList(content)[0]?.text);
    expect(JSON.parse(answer)).toEqual({ 'the city': 'Paris', city: 'Paris' });
    if (stream) expect(deltas).toBe(answer);
    expect(Object.keys(asJson(sentSchemas()[0]?.properties))).toEqual(['the_city', 'city']);
  });

  test.each([false, true])("has another name than the caller's tools (stream: %p)", async (stream) => {
    const tools = [MINE];
    const first = respond({ model: `${OLDER}+tools`, input: 'go', text, tools, stream });
    const { response } = await read(first, '');
    expect(asList(upstreamBody().tools).map(({ name }) => name)).toEqual([
      'structured_answer',
      'structured_answer_2',
    ]);
    expect(outputOf(response)).toMatchObject([
      { type: 'function_call', name: 'structured_answer', arguments: '{"mine":"Paris"}' },
      { type: 'message' },
    ]);

    // The history has a call with this name, even if the tools no longer have it.
    const { call_id } = outputOf(response)[0]!;
    const input = [{ type: 'function_call_output', call_id, output: 'done' }];
    await read(respond({ model: `${OLDER}+tools`, input, text, stream }), '');
    expect(asList(upstreamBody().tools).map(({ name }) => name)).toEqual(['structured_answer_2']);
    expect(upstreamBody().tool_choice).toMatchObject({ type: 'tool', name: 'structured_answer_2' });
  });
});
