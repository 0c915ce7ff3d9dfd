import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Api } from '../../src/api/api.ts';
import type { Delta } from '../../src/core/delta.ts';
import { Fault } from '../../src/core/errors.ts';
import { newSessionId, newTurnId } from '../../src/core/ids.ts';
import type { Item } from '../../src/core/items.ts';
import type { Tenant } from '../../src/core/request.ts';
import type { Asked } from '../../src/core/turn.ts';
import { templateOf } from '../../src/http/openapi.ts';
import { routesOf } from '../../src/http/server.ts';
import { chatRequest } from '../../src/http/v1/chat/parse.ts';
import { REPLY_HEADERS } from '../../src/http/v1/reply-headers.ts';
import { REQUEST_HEADERS } from '../../src/http/v1/request-headers.ts';
import { responseRequest } from '../../src/http/v1/responses/parse.ts';
import { EVENT_FIELDS } from '../../src/http/v1/responses/schemas.ts';
import { ResponseStream } from '../../src/http/v1/responses/stream.ts';
import { ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { SchemaBook } from '../harness/json-schema.ts';
import { asJson, asList, asText, isJson, type Json } from '../simulators/provider/shape.ts';

/** The OpenAPI document says what the code reads and what the running gateway answers. */

const SRC = join(import.meta.dir, '../../src');

let journey: Journey;
let document: Json;
let book: SchemaBook;

beforeAll(async () => {
  // A pause that a provider asks for is shown to the client at once.
  journey = await startJourney({ env: { CLAWHOLD_RETRIES_PATIENCE_MS: '0' } });
  document = await json(fetch(`${journey.gateway.url}/openapi.json`));
  book = new SchemaBook(asJson(asJson(document.components).schemas) as Record<string, Json>);
});
afterAll(() => journey.end());

const routes = routesOf({
  api: { admin: {} } as Api,
  settings: () => ({ bodyBytes: 0, bodyMs: 0, socketMs: 0, ruleHeaders: [] }),
  health: { ready: () => true, probeStore: async () => {}, failingClaws: () => [] },
  startedAt: 0,
  reload: async () => ({ state: 'rejected', problems: [] }),
  metrics: { read: async () => ({ contentType: '', text: '' }), key: () => undefined },
  signIns: { signIn: async () => ({ token: '', expiresAt: 0 }), callerOf: () => undefined, signOut() {} },
  dashboard: async () => [],
  configuration: () => [],
});

/** The files of the dashboard are for browsers alone. */
const isApi = ({ path }: { path: string }): boolean => !path.startsWith('/dashboard');

/** The TypeScript files of some parts of the source. */
function sources(...parts: string[]): { path: string; text: string }[] {
  return parts.flatMap((part) =>
    [...new Bun.Glob(`${part}/**/*.ts`).scanSync(SRC)].map((path) => ({
      path,
      text: readFileSync(join(SRC, path), 'utf8'),
    })),
  );
}

const found = (texts: readonly { text: string }[], expression: RegExp): string[] => [
  ...new Set(texts.flatMap(({ text }) => [...text.matchAll(expression)].map((match) => match[1]!))),
];

const operations = (): { path: string; method: string; operation: Json }[] =>
  Object.entries(asJson(document.paths)).flatMap(([path, methods]) =>
    Object.entries(asJson(methods)).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation: asJson(operation),
    })),
  );

const parametersOf = (operation: Json): Json[] =>
  asList(operation.parameters).map((parameter) => {
    const { $ref } = parameter;
    if (typeof $ref !== 'string') return parameter;
    return asJson(asJson(asJson(document.components).parameters)[$ref.split('/').at(-1)!]);
  });

describe('the document', () => {
  test('is the published file, and contains no secret', async () => {
    const text = await (await fetch(`${journey.gateway.url}/openapi.json`)).text();
    const file = await Bun.file(join(SRC, '../docs/openapi.json')).json();
    expect(JSON.parse(text)).toEqual(file);
    expect(text).not.toContain(ROOT_KEY);
    expect(text).not.toContain('sk-simulated');
    expect(document.openapi).toBe('3.1.0');
  });

  test('has only valid references, and a different id for each operation', () => {
    const lost: string[] = [];
    const visit = (value: unknown): void => {
      if (Array.isArray(value)) for (const entry of value) visit(entry);
      if (!isJson(value)) return;
      if (typeof value.$ref === 'string') {
        const target = value.$ref
          .slice(2)
          .split('/')
          .reduce<unknown>((inner, step) => (inner as Json | undefined)?.[step], document);
        if (target === undefined) lost.push(value.$ref);
      }
      Object.values(value).forEach(visit);
    };
    visit(document);
    expect(lost).toEqual([]);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the document and the code have the same', () => {
  test('routes', () => {
    const inCode = routes.filter(isApi).map(({ method, path }) => `${method} ${templateOf(path)}`);
    const inDocument = operations().map(({ method, path }) => `${method} ${path}`);
    expect(inDocument.sort()).toEqual(inCode.sort());
  });

  test('fields of a request for a turn, each with a description', () => {
    for (const [dialect, schema, name] of [
      ['chat', chatRequest, 'ChatCompletionRequest'],
      ['responses', responseRequest, 'ResponseRequest'],
    ] as const) {
      const { properties } = asJson(asJson(asJson(document.components).schemas)[name]);
      const documented = Object.entries(asJson(properties));
      expect(documented.map(([field]) => field)).toEqual(Object.keys(schema.shape));
      expect(documented.filter(([, field]) => !asJson(field).description)).toEqual([]);
      const parser = sources(`http/v1/${dialect}`).filter(({ path }) => path.endsWith('/parse.ts'));
      const read = found(parser, /\b(?:body|raw)\.(\w+)/g);
      expect(read.filter((field) => !(field in schema.shape))).toEqual([]);
    }
  });

  const OF_BROWSERS = ['accept-encoding', 'cookie', 'sec-fetch-site', 'x-requested-with'];
  const OF_TRANSPORT = ['host', 'content-length', 'upgrade', 'sec-websocket-key', 'accept', ...OF_BROWSERS];

  test('headers of requests', () => {
    const files = sources('http', 'security');
    const read = found(files, /headers\.(?:get|has)\('([^']+)'\)/g);
    const known = REQUEST_HEADERS.map(({ name }) => name);
    expect(read.filter((name) => !known.includes(name) && !OF_TRANSPORT.includes(name))).toEqual([]);
    const inDocument = operations().flatMap(({ operation }) =>
      parametersOf(operation).flatMap((parameter) =>
        parameter.in === 'header' ? [asText(parameter.name)] : [],
      ),
    );
    const keys = ['authorization', 'x-api-key', 'x-goog-api-key'];
    expect([...new Set(inDocument), ...keys].sort()).toEqual(known.toSorted());
    // Each header is read where its constant is used, or by its name.
    const registry = sources('http').find(({ path }) => path.endsWith('request-headers.ts'))!;
    const constants = found([registry], /^export const ([A-Z_]+)(?:: [^=]+)? =/gm);
    const users = files.filter(
      ({ path }) =>
        path !== registry.path && !path.endsWith('openapi.ts') && !path.endsWith('http/reference.ts'),
    );
    for (const constant of constants.filter((name) => name !== 'REQUEST_HEADERS'))
      expect([constant, users.some(({ text }) => new RegExp(`\\b${constant}\\b`).test(text))]).toEqual([
        constant,
        true,
      ]);
  });

  test('headers of replies', () => {
    const registries = ['request-headers.ts', 'reply-headers.ts', 'reference.ts'];
    const files = sources('http').filter(({ path }) => !registries.includes(basename(path)));
    const mentioned = found(files, /['"](x-clawhold-[a-z-]+)['"]/g);
    const known: string[] = [...REQUEST_HEADERS, ...REPLY_HEADERS].map(({ name }) => name);
    expect(mentioned.filter((name) => !known.includes(name))).toEqual([]);
    const written = REPLY_HEADERS.filter(({ name }) =>
      files.some(({ text }) => new RegExp(`(['"]${name}['"]|\\b${name}\\b:|, ${name}\\b)`).test(text)),
    );
    expect(written.map(({ name }) => name)).toEqual(REPLY_HEADERS.map(({ name }) => name));
  });

  test('parameters of queries', () => {
    // The routes of the management API read what the schemas say, and nothing else.
    const read = found(sources('http'), /query\.get\('([^']+)'\)/g);
    const ofCallers = operations().filter(({ path }) => !path.startsWith('/admin/v1/'));
    const inDocument = ofCallers.flatMap(({ operation }) =>
      parametersOf(operation).flatMap((parameter) =>
        parameter.in === 'query' ? [asText(parameter.name)] : [],
      ),
    );
    // OpenAPI describes keys as security schemes.
    const shown = read.filter((name) => name !== 'key');
    expect([...shown, 'metadata[key]'].sort()).toEqual([...new Set(inDocument)].sort());
  });

  test('events of a response', () => {
    const [stream] = sources('http').filter(({ path }) => path.endsWith('responses/stream.ts'));
    const written = found([stream!], /'((?:response|clawhold:response)\.[\w.]+)'/g);
    const unknown = written.filter((type) => !(type in EVENT_FIELDS));
    expect(unknown).toEqual([]);
    // The others are made of a state, the kind of a call or the kind of a part.
    const built = Object.keys(EVENT_FIELDS).filter((type) => !written.includes(type));
    expect(built.sort()).toEqual([
      'error',
      'response.completed',
      'response.content_part.added',
      'response.content_part.done',
      'response.custom_tool_call_input.delta',
      'response.failed',
      'response.function_call_arguments.delta',
      'response.reasoning_summary_part.added',
      'response.reasoning_summary_part.done',
    ]);
  });
});

/** The types of all events that were checked. */
const seenEvents = new Set<string>();

/** The problems of a real reply with what the document says of it. */
async function problemsOf(method: string, path: string, reply: Response): Promise<string[]> {
  const [route] = path.split('?');
  const operation = operations().find(
    (known) =>
      known.method === method &&
      new RegExp(`^${known.path.replace(/\{model\}/, '.+').replace(/\{\w+\}/g, '[^/]+')}$`).test(route!),
  )?.operation;
  const responses = operation
    ? asJson(operation.responses)
    : { default: asJson(asJson(asJson(asJson(document.paths)['/v1/models']).get).responses).default };
  const described = asJson(responses[String(reply.status)] ?? responses.default);
  const type = (reply.headers.get('content-type') ?? '').split(';')[0]!;
  const media = asJson(asJson(described.content)[type]);
  if (!isJson(media.schema)) return [`${method} ${path}: ${reply.status} ${type} is not described`];
  const { schema } = media;
  const headers = [...reply.headers.keys()].filter((name) => name.startsWith('x-'));
  const lost = headers.filter((name) => !(name in asJson(described.headers)));
  const values: unknown[] =
    type === 'text/event-stream'
      ? serverEvents(await reply.text()).events.map(({ data }) => data)
      : [await reply.json()];
  expect(values.length).toBeGreaterThan(0);
  for (const value of values) seenEvents.add(asText(asJson(value).type));
  return [
    ...lost.map((name) => `${method} ${path}: the header ${name} is not described`),
    ...values.flatMap((value) =>
      book
        .problemsWith(schema, value)
        .map((problem) => `${method} ${path}: ${problem} in ${JSON.stringify(value).slice(0, 200)}`),
    ),
  ];
}

async function check(method: string, path: string, body?: Json, headers: Record<string, string> = {}) {
  const reply = await journey.gateway.fetch(path, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(await problemsOf(method, path, reply)).toEqual([]);
  return reply;
}

const tool = {
  type: 'function',
  name: 'f',
  parameters: { type: 'object', properties: { a: { type: 'string' } } },
};
const custom = { type: 'custom', name: 'write' };
const BEHAVIOURS = [
  'echo',
  'say-3',
  'think+say-2',
  'refuse',
  'filter',
  'long',
  'tools',
  'logprobs',
  'error-2',
  'cut-2',
  'status-500',
  'status-429+retry-1',
  'context',
];

describe.each(['openai', 'anthropic', 'gemini', 'groq', 'local'])('real answers of %s fit', (provider) => {
  test.each(provider === 'local' ? ['recall'] : BEHAVIOURS)('%s', async (behaviour) => {
    const model = `${provider}/${behaviour}`;
    const logprobs = behaviour === 'logprobs' && provider !== 'anthropic';
    const messages = [{ role: 'user', content: 'one' }];
    const chatTools = [{ type: 'function', function: { name: 'f', parameters: tool.parameters } }];
    for (const stream of [false, true]) {
      await check('POST', '/v1/chat/completions', {
        model,
        messages,
        stream,
        ...(stream && { stream_options: { include_usage: true } }),
        ...(logprobs && { logprobs: true, top_logprobs: 1 }),
        ...(behaviour === 'tools' && { tools: chatTools }),
      });
      const restart = { 'x-clawhold-when-broken': 'restart', 'x-session-id': `${behaviour}-${provider}` };
      await check(
        'POST',
        '/v1/chat/completions',
        { model: [model, 'openai/say-2'], messages, stream },
        restart,
      );
      await check('POST', '/v1/responses', {
        model,
        input: 'one',
        stream,
        ...(logprobs && { top_logprobs: 1 }),
        ...(behaviour === 'think+say-2' && { reasoning: { effort: 'low', summary: 'auto' } }),
        ...(behaviour === 'tools' && { tools: provider === 'openai' ? [tool, custom] : [tool] }),
      });
      await check('POST', '/v1/responses', { model: [model, 'openai/say-2'], input: 'one', stream }, restart);
      await check('POST', '/v1/messages', {
        ...{ model, messages, stream, max_tokens: 4096 },
        ...(behaviour === 'think+say-2' && { thinking: { type: 'enabled', budget_tokens: 2048 } }),
        ...(behaviour === 'tools' && { tools: [{ name: 'f', input_schema: tool.parameters }] }),
      });
      await check('POST', '/v1/messages', { model: [model, 'openai/say-2'], messages, stream }, restart);
    }
  });
});

describe('real answers of each route fit', () => {
  const model = 'openai/recall';
  const messages = [{ role: 'user', content: 'one' }];

  test('chat completions', async () => {
    const path = '/v1/chat/completions';
    const stored = await journey.gateway.post(path, { model, messages, store: true, metadata: { a: 'b' } });
    const { id } = await (stored.clone().json() as Promise<Json>);
    expect(await problemsOf('POST', path, stored)).toEqual([]);
    await check('GET', `${path}?limit=5&metadata[a]=b`);
    await check('GET', `${path}/${asText(id)}`);
    await check('GET', `${path}/${asText(id)}?stream=true&include_usage=true`);
    await check('GET', `${path}/${asText(id)}/messages`);
    await check('POST', `${path}/${asText(id)}`, { metadata: { c: 'd' } });
    await check('DELETE', `${path}/${asText(id)}`);
    const headers = { 'x-clawhold-when-down': 'defer', 'x-session-id': 'deferred' };
    const accepted = await check('POST', path, { model: 'openai/status-503', messages }, headers);
    expect(accepted.status).toBe(202);
    await check('POST', `/v1/responses/${accepted.headers.get('x-clawhold-response-id')}/cancel`);
  });

  test('messages', async () => {
    const path = '/v1/messages';
    const stored = await check('POST', path, { model, messages, store: true });
    const one = `${path}/${stored.headers.get('x-clawhold-response-id')!.replace('resp_', 'msg_')}`;
    await check('GET', one);
    await check('GET', `${one}?stream=true`);
    await check('POST', `${path}/count_tokens`, { model, messages });
    await check('POST', path, { model, messages: [] });
    await check('DELETE', one);
    await check('GET', one);
    const headers = { 'x-clawhold-when-down': 'defer', 'x-session-id': 'deferred-message' };
    const accepted = await check('POST', path, { model: 'openai/status-503', messages }, headers);
    expect(accepted.status).toBe(202);
    await check('POST', `/v1/responses/${accepted.headers.get('x-clawhold-response-id')}/cancel`);
  });

  test('responses', async () => {
    const path = '/v1/responses';
    const { id } = await json(journey.gateway.post(path, { model, input: 'one', instructions: 'i' }));
    await check('GET', `${path}/${asText(id)}`);
    await check('GET', `${path}/${asText(id)}?stream=true`);
    await check('GET', `${path}/${asText(id)}/input_items`);
    await check('POST', `${path}/${asText(id)}/cancel`);
    await check('DELETE', `${path}/${asText(id)}`);
    await check('POST', `${path}/input_tokens`, { input: 'one' });
    await check('POST', `${path}/compact`, { input: 'one' });
    await check('POST', path, { model, input: 'one', background: true, stream: true });
    const slow = await journey.gateway.post(path, {
      model: 'openai/say-2+delay-500',
      input: 'x',
      background: true,
    });
    const running = asText(((await slow.clone().json()) as Json).id);
    expect(await problemsOf('POST', path, slow)).toEqual([]);
    await check('POST', `${path}/${running}/cancel`);
  });

  test('conversations', async () => {
    const path = '/v1/conversations';
    const items = [{ role: 'user', content: 'one' }];
    const { id } = await json(journey.gateway.post(path, { items }));
    const one = `${path}/${asText(id)}`;
    await check('POST', path, { metadata: { a: 'b' } }, { 'idempotency-key': 'k1' });
    await check('POST', path, { metadata: { a: 'b' } }, { 'idempotency-key': 'k1' });
    await check('GET', one);
    await check('POST', one, { metadata: { a: 'b' } });
    await check('POST', `${one}/items`, { items });
    await check('GET', `${one}/items?order=asc`);
    const { data } = await json(journey.gateway.fetch(`${one}/items`));
    await check('GET', `${one}/items/${asText(asList(data)[0]?.id)}`);
    await check('DELETE', `${one}/items/${asText(asList(data)[0]?.id)}`);
    await check('DELETE', one);
  });

  test('values of conversations', async () => {
    const { id } = await json(journey.gateway.post('/v1/conversations', {}));
    const path = `/v1/conversations/${asText(id)}/values`;
    for (const body of [{ a: 1 }, []] as Json[]) await check('PUT', `${path}/plan`, body);
    const patched = await check('PATCH', `${path}/plan`, { b: 2 }, { 'if-match': '"2"' });
    expect(patched.headers.get('etag')).toBe('"3"');
    const once = await check('PUT', `${path}/plan`, {}, { 'if-none-match': '*' });
    expect([once.status, once.headers.get('etag')]).toEqual([412, '"3"']);
    await check('GET', `${path}/plan`);
    await check('GET', `${path}?order=desc&limit=1`);
    await check('DELETE', `${path}/plan`);
    await check('DELETE', `${path}/plan`);
  });

  test('models, health and the document', async () => {
    for (const path of ['/v1/models', '/v1/models/local/recall', '/openapi.json']) await check('GET', path);
    // The page at / has no JSON schema.
    for (const { path, access } of routes.filter(isApi))
      if (access === 'open' && path !== '/') await check('GET', path);
  });

  test('errors', async () => {
    await check('GET', '/v1/models/none');
    await check('GET', '/v1/nothing');
    await check('PUT', '/v1/responses');
    await check('POST', '/v1/responses', { model: 7 });
    await check('POST', '/v1/chat/completions', { model, messages: [] }, { 'content-encoding': 'odd' });
    await check('GET', '/v1/models', undefined, { authorization: 'Bearer wrong' });
    await check('GET', '/v1/models', undefined, { 'x-clawhold-x': '1' });
  });
});

test('events that only rare answers have fit', () => {
  const session = newSessionId(0);
  const asked: Asked = {
    ...{
      id: newTurnId(session, 0),
      tenant: 'default' as Tenant,
      session,
      createdAt: 0,
      dialect: 'responses',
    },
    ...{ model: 'm', input: [], settings: {}, metadata: {}, key: 'root', retention: 'none' },
  };
  const writer = new ResponseStream({ asked, retention: 'none', session: undefined }, () => '');
  const attempt = { type: 'attempt', provider: 'openai', protocol: 'openai-responses', model: 'm' } as const;
  const call = { type: 'custom_tool_call', call_id: 'c', name: 'write', input: '' } as unknown as Item;
  const annotation = {
    type: 'url_citation',
    url: 'https://a.test',
    title: 't',
    start_index: 0,
    end_index: 1,
  };
  const deltas: Delta[] = [
    attempt,
    { type: 'start', model: 'm' },
    { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
    { type: 'text-delta', index: 0, part: 0, text: 'a' },
    { type: 'annotation', index: 0, part: 0, annotation },
    { ...attempt, discard: [0], cause: 'stream_interrupted' },
    { type: 'item-start', index: 1, item: call },
    { type: 'arguments-delta', index: 1, text: 'b' },
    { type: 'item-end', index: 1 },
  ];
  const text = writer.open() + deltas.map((delta) => writer.delta(delta)).join('');
  const failed = writer.fail(new Fault('store_unavailable', 'The store does not answer.'));
  for (const { data } of serverEvents(text + failed).events) {
    seenEvents.add(asText(data.type));
    expect(book.problems('ResponseEvent', data)).toEqual([]);
  }
});

test('every event that the document has was seen', () => {
  expect(Object.keys(EVENT_FIELDS).filter((type) => !seenEvents.has(type))).toEqual([]);
});

describe('a real answer has no field that is not described', () => {
  /** The fields of objects that are open to fields of providers. */
  function undescribed(schema: Json, value: unknown, at = ''): string[] {
    const { $ref } = schema;
    if (typeof $ref === 'string') return undescribed(schemaNamed($ref.split('/').at(-1)!), value, at);
    if (Array.isArray(value) && isJson(schema.items))
      return value.flatMap((entry) => undescribed(asJson(schema.items), entry, `${at}[]`));
    if (!isJson(value) || !isJson(schema.properties)) return [];
    const { properties } = schema;
    return Object.entries(value).flatMap(([field, inner]) =>
      field in properties
        ? undescribed(asJson(properties[field]), inner, `${at}.${field}`)
        : [`${at}.${field}`],
    );
  }

  const schemaNamed = (name: string): Json => asJson(asJson(asJson(document.components).schemas)[name]);

  test('of a chat completion', async () => {
    const body = { model: 'local/recall', messages: [{ role: 'user', content: 'one' }] };
    const completion = await json(journey.gateway.post('/v1/chat/completions', body));
    expect(undescribed(schemaNamed('ChatCompletion'), completion)).toEqual([]);
  });

  test('of a response', async () => {
    const response = await json(
      journey.gateway.post('/v1/responses', { model: 'local/recall', input: 'one' }),
    );
    const { output: _, ...rest } = response;
    expect(undescribed(schemaNamed('Response'), rest)).toEqual([]);
  });
});
