import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { DIALECTS, type Dialect, FORMS, PATHS, question } from '../harness/dialects.ts';
import { type Journey, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import type { Json } from '../simulators/provider/shape.ts';

/** A choice of a tool that the request does not have: the real APIs refuse it, each at its own field. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

interface Choices {
  /** The field of the choice. */
  param: string;
  /** The model must call any tool. */
  any: Json;
  /** It must call this one. */
  one(name: string): Json;
  /** It may call only these. */
  allowed?(mode: 'auto' | 'required', names: string[]): Json;
  /** It decides itself. */
  auto: Json;
}

const google = (mode: string, names?: string[]): Json => ({
  toolConfig: { functionCallingConfig: { mode, ...(names && { allowedFunctionNames: names }) } },
});
const interactions = (tool_choice: unknown): Json => ({ generation_config: { tool_choice } });

const CHOICES: Record<Dialect, Choices> = {
  chat: {
    param: 'tool_choice',
    any: { tool_choice: 'required' },
    one: (name) => ({ tool_choice: { type: 'function', function: { name } } }),
    allowed: (mode, names) => ({
      tool_choice: {
        type: 'allowed_tools',
        allowed_tools: { mode, tools: names.map((name) => ({ type: 'function', function: { name } })) },
      },
    }),
    auto: { tool_choice: 'auto' },
  },
  responses: {
    param: 'tool_choice',
    any: { tool_choice: 'required' },
    one: (name) => ({ tool_choice: { type: 'function', name } }),
    allowed: (mode, names) => ({
      tool_choice: { type: 'allowed_tools', mode, tools: names.map((name) => ({ type: 'function', name })) },
    }),
    auto: { tool_choice: 'auto' },
  },
  messages: {
    param: 'tool_choice',
    any: { tool_choice: { type: 'any' } },
    one: (name) => ({ tool_choice: { type: 'tool', name } }),
    auto: { tool_choice: { type: 'auto' } },
  },
  gemini: {
    param: 'toolConfig.functionCallingConfig',
    any: google('ANY'),
    one: (name) => google('ANY', [name]),
    allowed: (mode, names) => google(mode === 'auto' ? 'AUTO' : 'ANY', names),
    auto: google('AUTO'),
  },
  interactions: {
    param: 'generation_config.tool_choice',
    any: interactions('any'),
    one: (name) => interactions({ allowed_tools: { mode: 'any', tools: [name] } }),
    allowed: (mode, tools) =>
      interactions({ allowed_tools: { mode: mode === 'auto' ? 'auto' : 'any', tools } }),
    auto: interactions('auto'),
  },
};

const ask = (dialect: Dialect, fields: Json) =>
  journey.gateway.post(PATHS[dialect], { model: 'openai/echo', ...question(dialect, 'Hi'), ...fields });
const toolsOf = (dialect: Dialect, ...names: string[]): Json => ({
  tools: names.map((name) => FORMS[dialect].tool({ name, parameters: { type: 'object', properties: {} } })),
});

describe.each(DIALECTS)('%s', (dialect) => {
  const { param, any, one, allowed, auto } = CHOICES[dialect];
  const expectRefused = (fields: Json, message: RegExp) =>
    expectRefusal(ask(dialect, fields), 400, { code: 'invalid_request', param, message });
  const asks = new RegExp(`^\`${param}\`: expected "auto" or "none", because the request has no tools\\.`);
  const names = new RegExp(`^\`${param}\`: expected a tool of the request, got the name "there"\\.`);

  test('a call that must be is refused where there are no tools', async () => {
    await expectRefused(any, asks);
    await expectRefused(one('there'), names);
    expect((await ask(dialect, auto)).status).toBe(200);
  });

  test('a tool that is not there is refused', async () => {
    await expectRefused({ ...toolsOf(dialect, 'here'), ...one('there') }, names);
    for (const mode of ['auto', 'required'] as const)
      if (allowed)
        await expectRefused({ ...toolsOf(dialect, 'here'), ...allowed(mode, ['here', 'there']) }, names);
  });

  test('a tool that is there is chosen', async () => {
    const tools = toolsOf(dialect, 'here', 'there');
    const choices = [any, one('there'), auto, ...(allowed ? [allowed('auto', ['here', 'there'])] : [])];
    for (const choice of choices) expect((await ask(dialect, { ...tools, ...choice })).status).toBe(200);
  });
});

test.each([
  ['messages', 'tools[1].name', toolsOf('messages', 'same', 'same')],
  ['gemini', 'tools', toolsOf('gemini', 'same', 'same')],
  ['interactions', 'tools[1].name', toolsOf('interactions', 'same', 'same')],
] as const)('%s: a second tool of a name is refused', async (dialect, param, tools) => {
  await expectRefusal(ask(dialect, tools), 400, { code: 'invalid_request', param, message: /"same"/ });
});

test.each(['chat', 'responses'] as const)(
  '%s: a second tool of a name is taken, as OpenAI takes it',
  async (dialect) => {
    expect((await ask(dialect, toolsOf(dialect, 'same', 'same'))).status).toBe(200);
  },
);

const lookup = { type: 'function', name: 'lookup', parameters: { type: 'object', properties: {} } };

describe('a tool that the gateway cannot see may be chosen', () => {
  test.each<[string, Json]>([
    ['in a namespace', { tools: [{ type: 'namespace', name: 'n', tools: [lookup] }] }],
    ['of an MCP server', { tools: [{ type: 'mcp', server_label: 's', server_url: 'https://s.test' }] }],
    ['that a search finds', { tools: [{ type: 'tool_search' }] }],
    ['of a stored prompt', { prompt: { id: 'pmpt_1' } }],
    [
      'that an item brings',
      {
        input: [
          { role: 'user', content: 'Hi' },
          { type: 'additional_tools', tools: [lookup] },
        ],
      },
    ],
  ])('%s', async (_, fields) => {
    const reply = await ask('responses', { tool_choice: { type: 'function', name: 'lookup' }, ...fields });
    expect(await reply.text()).not.toContain('which is not among the tools');
  });

  test('that an earlier item of the conversation brought', async () => {
    const input = [
      { role: 'user', content: 'Hi' },
      { type: 'additional_tools', tools: [lookup] },
    ];
    const first = (await (await ask('responses', { model: 'local/recall', input })).json()) as { id: string };
    const choice = { tool_choice: { type: 'function', name: 'lookup' } };
    const reply = await ask('responses', {
      model: 'local/recall',
      previous_response_id: first.id,
      ...choice,
    });
    expect(reply.status).toBe(200);
  });

  test('a tool of Anthropic by its name, and one of an MCP server', async () => {
    const search = { type: 'web_search_20250305', name: 'web_search' };
    const chosen = { tool_choice: { type: 'tool', name: 'web_search' } };
    expect((await ask('messages', { model: 'anthropic/echo', tools: [search], ...chosen })).status).toBe(200);
    const servers = { mcp_servers: [{ type: 'url', url: 'https://s.test', name: 's' }] };
    const reply = await ask('messages', { model: 'anthropic/echo', ...servers, ...chosen });
    expect(await reply.text()).not.toContain('which is not among the tools');
  });
});
