import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { noRoute } from '../../src/http/wrong-path.ts';
import { errorIn } from '../harness/dialects.ts';
import { OTHER_KEY } from '../harness/gateway.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import type { Json } from '../simulators/provider/shape.ts';

/** Requests that look as no client writes them, in the APIs of Anthropic and Google. */

const MESSAGES = '/v1/messages';
const INTERACTIONS = '/v1beta/interactions';
const EMBEDDINGS = '/v1/embeddings';
const GEMINI = '/v1beta/models/openai/echo:generateContent';
const MODELS = ['openai/echo', 'anthropic/echo', 'gemini/echo', 'deepseek/echo', 'local/recall'];

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const ask = (path: string, body: Json) => journey.gateway.post(path, body);
const asUser = (...content: Json[]): Json => ({ messages: [{ role: 'user', content }], max_tokens: 9 });
const asAssistant = (...content: Json[]): Json => ({
  messages: [
    { role: 'user', content: 'a' },
    { role: 'assistant', content },
    { role: 'user', content: 'b' },
  ],
  max_tokens: 9,
});

describe('the name of a model leads to no other path of its provider', () => {
  const names = ['gemini/..', 'gemini/.', 'gemini/../../v1/models/x', 'gemini/a/../b', 'gemini//x'];
  test.each(names)('%s', async (model) => {
    journey.provider.reset();
    const chat = { model, messages: [{ role: 'user', content: 'a' }] };
    for (const reply of [
      ask('/v1/chat/completions', chat),
      ask(MESSAGES, { ...chat, max_tokens: 9 }),
      ask(INTERACTIONS, { model, input: 'a' }),
      ask(`/v1beta/models/${encodeURIComponent(model)}:generateContent`, {
        contents: [{ parts: [{ text: 'a' }] }],
      }),
      ask(EMBEDDINGS, { model, input: 'a' }),
    ]) {
      expect((await reply).status).toBe(404);
      expect(errorIn(await json(reply)).code).toBe('model_not_found');
    }
    expect(journey.provider.requests).toEqual([]);
  });

  test('a name that is too long is refused in a path, too', () =>
    expectRefusal(
      ask(`/v1beta/models/gemini/${'a'.repeat(600)}:generateContent`, {
        contents: [{ parts: [{ text: 'a' }] }],
      }),
      400,
      { code: 'invalid_request', param: 'model' },
    ));
});

/** Kinds that have a canonical form, which the gateway interprets in every dialect. */
const ITEMS = [
  'message',
  'reasoning',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'item_reference',
];
const PARTS = ['input_text', 'output_text', 'refusal', 'input_image', 'input_file', 'input_audio'];
const WRONG: Json[] = [{}, { content: 5, output: 5, summary: 5, text: 5, call_id: 5, image_url: 5, id: 5 }];

describe('kinds with a canonical form have their fields checked', () => {
  test.each(MODELS)('%s', async (model) => {
    for (const wrong of WRONG) {
      for (const type of ITEMS) {
        const item = { ...wrong, type };
        const question = { type: 'user_input', content: 'a' };
        await expectField(ask(INTERACTIONS, { model, input: [question, item], store: false }), 'input[1]');
        await expectField(ask(MESSAGES, { model, ...asAssistant(item) }), 'messages[1].content[0]');
      }
      for (const type of PARTS) {
        const part = { ...wrong, type };
        const step = { type: 'user_input', content: [part] };
        await expectField(ask(INTERACTIONS, { model, input: [step], store: false }), 'input[0].content[0]');
        await expectField(ask(MESSAGES, { model, ...asUser(part) }), 'messages[0].content[0]');
      }
      for (const type of ['function', 'namespace']) {
        const tools = [{ ...wrong, type }];
        const contents = [{ parts: [{ text: 'a' }] }];
        await expectField(ask(INTERACTIONS, { model, input: 'a', tools }), 'tools[0]');
        await expectField(
          ask(MESSAGES, { model, ...asUser({ type: 'text', text: 'a' }), tools }),
          'tools[0]',
        );
        await expectField(ask(GEMINI, { contents, tools: [{ [type]: wrong }] }), 'tools[0]');
      }
    }
  });

  test('and so have fields with a canonical name beside those of Anthropic', async () => {
    const source = { type: 'text', media_type: 'text/plain', data: 'a' };
    const block = { type: 'document', source, file_url: 5 };
    await expectField(
      ask(MESSAGES, { model: 'gemini/echo', ...asUser(block) }),
      'messages[0].content[0].file_url',
    );
  });
});

/** Expects an `invalid_request` about a field, or about one in it. */
async function expectField(reply: Promise<Response>, field: string): Promise<void> {
  const error = errorIn(await json(reply));
  expect(error).toMatchObject({ code: 'invalid_request', param: expect.stringContaining(field) });
}

describe('media types', () => {
  test.each(['image/png,x', 'image/png;base64,AAAA', 'image/png\r\nx: y', 'png', ''])(
    '%j is none',
    async (type) => {
      const image = { type: 'image', source: { type: 'base64', media_type: type, data: 'AAAA' } };
      const media = { inlineData: { mimeType: type, data: 'AAAA' } };
      await expectField(
        ask(MESSAGES, { model: 'openai/echo', ...asUser(image) }),
        'messages[0].content[0].source',
      );
      await expectField(
        ask(GEMINI, { contents: [{ parts: [media] }] }),
        'contents[0].parts[0].inlineData.mimeType',
      );
      const input = [{ type: 'image', mime_type: type, data: 'AAAA' }];
      await expectField(ask(INTERACTIONS, { model: 'openai/echo', input }), 'input[0].mime_type');
    },
  );

  test('may have parameters', async () => {
    const inlineData = { mimeType: 'text/plain; charset=utf-8', data: 'QUE=' };
    expect((await ask(GEMINI, { contents: [{ parts: [{ inlineData }] }] })).status).toBe(200);
  });
});

describe('the Interactions API refuses', () => {
  const f = { type: 'function', name: 'f' };
  const choice = (mode: unknown, ...tools: unknown[]) => ({
    tools: [f],
    generation_config: { tool_choice: { allowed_tools: { mode, tools } } },
  });
  test.each([
    ['a description that is no text', { tools: [{ ...f, description: 5 }] }, 'tools[0].description'],
    ['parameters that are no schema', { tools: [{ ...f, parameters: 'x' }] }, 'tools[0].parameters'],
    ['a choice of no names', choice('any', 1), 'generation_config.tool_choice.allowed_tools.tools'],
    ['an unknown mode', choice('zzz', 'f'), 'generation_config.tool_choice.allowed_tools.mode'],
    ['a format that is a word', { response_format: 'json' }, 'response_format'],
    ['a schema that is a word', { response_format: { type: 'text', schema: 'x' } }, 'response_format.schema'],
    ['a signature that is a number', { input: [{ type: 'thought', signature: 5 }] }, 'input[0].signature'],
  ] satisfies [string, Json, string][])('%s', (_, fields, param) =>
    expectRefusal(ask(INTERACTIONS, { model: 'openai/echo', input: 'a', ...fields }), 400, {
      code: 'invalid_request',
      param,
    }),
  );

  test.each([
    ['response_format', { response_format: [{ type: 'text' }, { type: 'image' }] }],
    ['response_mime_type', { response_mime_type: 'text/x.enum' }],
  ])('%s of media where the model has none, and passes it to Google', async (param, fields) => {
    await expectRefusal(ask(INTERACTIONS, { model: 'openai/echo', input: 'a', ...fields }), 400, {
      code: 'unsupported_parameter',
      param,
    });
    journey.provider.reset();
    await ask(INTERACTIONS, { model: 'gemini/echo', input: 'a', ...fields });
    expect(journey.provider.requests.at(-1)?.body).toMatchObject({
      generationConfig:
        param === 'response_format'
          ? { responseModalities: ['TEXT', 'IMAGE'] }
          : { responseMimeType: 'text/x.enum' },
    });
  });
});

test("absent fields of Google's parts may be null", async () => {
  const parts = [{ text: 'a', functionCall: null, thoughtSignature: null, inlineData: null }];
  const body = await json(ask(GEMINI, { contents: [{ role: 'user', parts }] }));
  expect(body).toMatchObject({ candidates: [{ content: { parts: [{ text: 'You said: a' }] } }] });
});

describe('errors use the words of the caller', () => {
  test.each([
    [
      MESSAGES,
      { model: 'openai/echo', ...asUser({ type: 'text', text: 'a' }), stop_sequences: ['x'] },
      'stop_sequences',
    ],
    [
      GEMINI,
      { contents: [{ parts: [{ text: 'a' }] }], generationConfig: { stopSequences: ['x'] } },
      'generationConfig.stopSequences',
    ],
    [
      INTERACTIONS,
      { model: 'openai/echo', input: 'a', generation_config: { stop_sequences: ['x'] } },
      'generation_config.stop_sequences',
    ],
  ] satisfies [string, Json, string][])('for settings: %s', async (path, body, field) => {
    const error = errorIn(await json(ask(path, body)));
    expect(error).toMatchObject({ code: 'unsupported_parameter', param: field });
    expect(error.message).toContain(`does not support \`${field}\``);
  });

  test('for the ids of turns', async () => {
    const { id } = await journey.client.responses.create({ model: 'local/recall', input: 'a' });
    const key = id.slice('resp_'.length);
    const get = async (path: string) =>
      errorIn(await json(journey.gateway.fetch(path, { key: OTHER_KEY }))).message;
    expect(await get(`${MESSAGES}/msg_${key}`)).toContain(`msg_${key}`);
    expect(await get(`${INTERACTIONS}/int_${key}`)).toContain(`int_${key}`);
    expect(await get(`/v1/completions/cmpl-${key}`)).toContain(`cmpl-${key}`);
    const next = { model: 'local/recall', input: 'b', previous_interaction_id: `int_${key}` };
    const reply = journey.gateway.fetch(INTERACTIONS, {
      method: 'POST',
      key: OTHER_KEY,
      body: JSON.stringify(next),
    });
    const error = errorIn(await json(reply));
    expect(error).toMatchObject({
      param: 'previous_interaction_id',
      message: expect.stringContaining(`int_${key}`),
    });
  });

  test('for the number of texts to embed', async () => {
    const input = Array.from({ length: 2_049 }, () => 'a');
    const { message } = errorIn(
      await json(ask(EMBEDDINGS, { model: 'openai/text-embedding-3-small', input })),
    );
    expect(message).toContain('at most 2048 inputs, not 2049');
  });

  test('for numbers in a query', async () => {
    const { message } = errorIn(await json(journey.gateway.fetch('/admin/v1/sessions?limit=999')));
    expect(message).toContain('got 999');
  });
});

test.each([
  ['PUT', MESSAGES, 405],
  ['GET', INTERACTIONS, 405],
  ['GET', '/v1/messages/a/b', 404],
  ['POST', '/v1beta/nothing', 404],
])('%s %s is refused in the form of its API', async (method, path, status) => {
  const reply = await journey.gateway.fetch(path, { method });
  const body = await json(reply);
  expect(reply.status).toBe(status);
  if (path.startsWith(MESSAGES))
    expect(body).toMatchObject({ type: 'error', error: { message: expect.any(String) } });
  else expect(body).toMatchObject({ error: { code: status, status: expect.any(String) } });
});

test('a path of the management API is no hint about the base URL', () => {
  const known = ['/admin/v1/turns/failed', '/v1/models'];
  const methodsAt = (path: string) => (known.includes(path) ? ['GET'] : []);
  const said = (path: string) => noRoute('GET', path, { exactPaths: known, methodsAt }).message;
  expect(said('/admin/v1/turns/faile')).not.toContain('base URL');
  expect(said('/openai/models')).toContain('base URL');
});
