import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { callsIn, DIALECTS, type Dialect, FORMS, PATHS, question, user } from '../harness/dialects.ts';
import { GOOGLE_PATH } from '../harness/google-request.ts';
import { type Journey, json, serverEvents, startJourney } from '../harness/journey.ts';
import { SchemaBook } from '../harness/json-schema.ts';
import { asJson, asList, type Json } from '../simulators/provider/shape.ts';

/**
 * Every dialect over every wire protocol. The simulated providers refuse what the real ones refuse, so a reply without
 * an error says that the request was valid there; the reply and its events fit the published schemas, and a second turn
 * follows: in a session, and from a client that sends the reply back.
 */

const PROVIDERS = ['groq', 'openai', 'anthropic', 'gemini'] as const;
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const PDF = Buffer.from('%PDF-1.4\n%%EOF').toString('base64');
const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const TOOLS = ['look', 'listen'].map((name) => ({
  name,
  parameters: { type: 'object', properties: { at: { type: 'string' } } },
}));

let journey: Journey;
let document: Json;
let book: SchemaBook;
beforeAll(async () => {
  journey = await startJourney({ env: { CLAWHOLD_RETRIES_PATIENCE_MS: '0' } });
  document = await json(fetch(`${journey.gateway.url}/openapi.json`));
  book = new SchemaBook(asJson(asJson(document.components).schemas) as Record<string, Json>);
});
afterAll(() => journey.end());

/** The schema of the replies of a dialect, by media type. */
function schemaOf(dialect: Dialect, type: 'application/json' | 'text/event-stream'): Json {
  const kind = type === 'application/json' ? 'generateContent' : 'streamGenerateContent';
  const path = dialect === 'gemini' ? `${GOOGLE_PATH}/{model}:${kind}` : PATHS[dialect];
  const { responses } = asJson(asJson(asJson(document.paths)[path]).post);
  return asJson(asJson(asJson(asJson(responses)['200']).content)[type]).schema as Json;
}

interface Answer {
  /** A whole reply. */
  body: Json;
  /** The data of events. */
  events: Json[];
}

/** Asks, and expects a reply that fits the schemas and is no error. */
async function ask(dialect: Dialect, fields: Json, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await journey.gateway.post(PATHS[dialect], fields, headers);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
  const isStream = response.headers.get('content-type')!.startsWith('text/event-stream');
  const events = isStream ? serverEvents(text).events.map(({ data }) => data) : [];
  const body = isStream ? {} : asJson(JSON.parse(text));
  const schema = schemaOf(dialect, isStream ? 'text/event-stream' : 'application/json');
  const problems = (isStream ? events : [body]).flatMap((value) => book.problemsWith(schema, value));
  expect(problems).toEqual([]);
  expect([body, ...events].flatMap((value) => FORMS[dialect].error(value) ?? [])).toEqual([]);
  return { body, events };
}

const withTools = (dialect: Dialect, count: number): Json => ({
  tools: TOOLS.slice(0, count).map((tool) => FORMS[dialect].tool(tool)),
});

/** The settings that ask for thoughts, in the words of the dialect. */
const THINKING: Record<Dialect, Json> = {
  chat: { reasoning_effort: 'low' },
  responses: { reasoning: { effort: 'low', summary: 'auto' }, include: ['reasoning.encrypted_content'] },
  messages: { thinking: { type: 'enabled', budget_tokens: 1_024 }, max_tokens: 4_096 },
  gemini: { generationConfig: { thinkingConfig: { includeThoughts: true, thinkingBudget: 1_024 } } },
  interactions: { generation_config: { thinking_level: 'low', thinking_summaries: 'auto' } },
};

/** What a request brings beside its text, and the behaviour of the simulated model. */
const KINDS: Record<string, (dialect: Dialect) => { model: string; fields: Json; content?: unknown }> = {
  text: () => ({ model: 'recall', fields: {} }),
  'an image': (dialect) => ({
    model: 'recall',
    fields: {},
    content: [FORMS[dialect].part('Look:'), FORMS[dialect].media('image/png', PNG)],
  }),
  'a document': (dialect) => ({
    model: 'recall',
    fields: {},
    content: [FORMS[dialect].part('Read:'), FORMS[dialect].media('application/pdf', PDF)],
  }),
  'a structured answer': (dialect) => ({ model: 'json', fields: FORMS[dialect].format('city', SCHEMA) }),
  'a refusal': () => ({ model: 'refuse', fields: {} }),
  'a limit of tokens': (dialect) => ({ model: 'long+say-4', fields: FORMS[dialect].limit(2_048) }),
  thoughts: (dialect) => ({ model: 'think', fields: THINKING[dialect] }),
};

const named = () => ({ 'x-session-id': `matrix-${crypto.randomUUID()}` });
const messagesOf = (dialect: Dialect, content: unknown): Json[] =>
  asList(Object.values(question(dialect, content)).find(Array.isArray));

describe.each(DIALECTS)('%s', (dialect) => {
  describe.each(PROVIDERS)('over %s', (provider) => {
    const form = FORMS[dialect];
    const told = (system: string | undefined, messages: readonly object[]) =>
      form.conversation(system, messages);

    test.each(Object.keys(KINDS))('%s, and a second turn', async (kind) => {
      // Groq takes no documents.
      if (kind === 'a document' && provider === 'groq') return;
      const { model: behaviour, fields, content = 'Begin.' } = KINDS[kind]!(dialect);
      const model = `${provider}/${behaviour}`;
      const first = messagesOf(dialect, content);
      for (const stream of [false, true]) {
        const headers = named();
        await ask(dialect, { model, stream, ...fields, ...told('Be brief.', first) }, headers);
        const next = { model: `${provider}/recall`, stream, ...question(dialect, 'And now?') };
        await ask(dialect, next, headers);
      }
      const { body } = await ask(dialect, { model, ...fields, ...told('Be brief.', first) });
      const sentBack = told('Be brief.', [...first, ...form.said(body), user('And now?')]);
      await ask(dialect, { model: `${provider}/recall`, ...sentBack });
    });

    test.each([
      ['a call', 'tool1', 1, {}],
      ['parallel calls', 'tools', 2, {}],
      ['thoughts over a loop of calls', 'think+tool1', 1, THINKING[dialect]],
    ] as const)('%s, with outputs', async (_, behaviour, count, fields) => {
      const model = `${provider}/${behaviour}`;
      const asked = { model, ...withTools(dialect, count), ...fields };
      const outputs = (value: unknown) => {
        const ids = TOOLS.slice(0, count).map(({ name }) => callsIn(value, name)[0]);
        return ids.map((id, index) => {
          if (id === undefined) throw new Error(`No call ${index} in ${JSON.stringify(value)}`);
          return form.output(id, `output-${index}`);
        });
      };
      for (const stream of [false, true]) {
        const headers = named();
        const { body, events } = await ask(
          dialect,
          { ...asked, stream, ...question(dialect, 'Begin.') },
          headers,
        );
        const results = outputs(stream ? events : body);
        await ask(dialect, { ...asked, stream, ...told(undefined, results) }, headers);
      }
      const first = messagesOf(dialect, 'Begin.');
      const { body } = await ask(dialect, { ...asked, ...told(undefined, first) });
      const sentBack = told(undefined, [...first, ...form.said(body), ...outputs(body)]);
      await ask(dialect, { ...asked, ...sentBack });
    });

    test.each([
      ['a request that the provider refuses', 'status-400'],
      ['a provider that fails', 'status-500'],
      ['a conversation that is too long', 'context'],
    ])('%s is an error in its envelope', async (_, behaviour) => {
      for (const stream of [false, true]) {
        const body = { model: `${provider}/${behaviour}`, stream, ...question(dialect, 'Begin.') };
        const response = await journey.gateway.post(PATHS[dialect], body);
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect(form.error(asJson(JSON.parse(await response.text())))).toHaveProperty('code');
      }
    });

    test('a stream that is cut ends with an error, and the session goes on', async () => {
      const headers = named();
      const model = `${provider}/cut-3+say-9+pace-0`;
      const cut = await journey.gateway.post(
        PATHS[dialect],
        { model, stream: true, ...question(dialect, 'Begin.') },
        { ...headers, 'x-clawhold-attempts': '1' },
      );
      const { events } = serverEvents(await cut.text());
      const failed = events.flatMap(({ data }) => [
        form.error(data),
        form.error(asJson(data.response ?? {})),
      ]);
      expect(failed.filter((found) => found?.code !== undefined)).not.toEqual([]);
      await ask(dialect, { model: `${provider}/recall`, ...question(dialect, 'And now?') }, headers);
    });
  });
});
