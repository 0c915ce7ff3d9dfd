import { afterAll, beforeAll, expect, test } from 'bun:test';
import { DIALECTS, type Dialect, FORMS, PATHS, question } from '../harness/dialects.ts';
import { type Journey, json, sessionLog, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import type { Json } from '../simulators/provider/shape.ts';

/** Data that no provider takes is refused before it is part of a session. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

const HELLO = 'aGVsbG8=';
/** The model takes anything. */
const LENIENT = 'local/recall';

/** Where each dialect has the data of an image and of a document in the first message, and their media types. */
const PLACES: Record<
  Dialect,
  { image: string; document: string; imageType?: string; documentType?: string }
> = {
  chat: {
    image: 'messages[0].content[0].image_url.url',
    document: 'messages[0].content[0].file.file_data',
  },
  responses: { image: 'input[0].content[0].image_url', document: 'input[0].content[0].file_data' },
  messages: {
    image: 'messages[0].content[0].source.data',
    document: 'messages[0].content[0].source.data',
    imageType: 'messages[0].content[0].source.media_type',
    documentType: 'messages[0].content[0].source.media_type',
  },
  gemini: {
    image: 'contents[0].parts[0].inlineData.data',
    document: 'contents[0].parts[0].inlineData.data',
    imageType: 'contents[0].parts[0].inlineData.mimeType',
    documentType: 'contents[0].parts[0].inlineData.mimeType',
  },
  interactions: {
    image: 'input[0].content[0].data',
    document: 'input[0].content[0].data',
    imageType: 'input[0].content[0].mime_type',
    documentType: 'input[0].content[0].mime_type',
  },
};

const ask = (dialect: Dialect, session: string, content: unknown, model = LENIENT) =>
  journey.gateway.post(PATHS[dialect], { model, ...question(dialect, content) }, { 'x-session-id': session });

/** Begins a session, and gives its id. */
async function begun(session: string): Promise<string> {
  const reply = await ask('chat', session, 'one');
  return reply.headers.get('x-clawhold-session-id')!;
}

const KINDS: [kind: 'image' | 'document', type: string][] = [
  ['image', 'image/png'],
  ['document', 'application/pdf'],
];

test.each(DIALECTS.flatMap((dialect) => KINDS.map(([kind, type]) => [dialect, kind, type] as const)))(
  '%s: the data of an attached %s that is no base64, or of no type, leaves its session as it was',
  async (dialect, kind, type) => {
    const session = `refused-${dialect}-${kind}`;
    const id = await begun(session);
    const before = await sessionLog(journey.gateway, id);
    const { media } = FORMS[dialect];
    const place = PLACES[dialect];
    for (const data of ['####', 'a', `${HELLO}${HELLO}`, '[object Object]'])
      await expectRefusal(ask(dialect, session, [media(type, data)]), 400, {
        code: 'invalid_request',
        param: place[kind],
      });
    for (const wrong of [kind === 'image' ? 'image/' : 'application/', `${type} x`])
      await expectRefusal(ask(dialect, session, [media(wrong, HELLO)]), 400, {
        code: 'invalid_request',
        param: place[`${kind}Type`] ?? place[kind],
      });
    expect(await sessionLog(journey.gateway, id)).toEqual(before);
  },
);

test.each(DIALECTS)(
  '%s: data in another form of base64 reaches every provider in the common one',
  async (dialect) => {
    const session = `written-${dialect}`;
    const { media } = FORMS[dialect];
    for (const data of ['-_-_', 'aGVs\nbG8', HELLO])
      expect((await ask(dialect, session, [media('image/png', data)])).status).toBe(200);
    for (const model of ['openai/echo', 'anthropic/echo', 'gemini/echo', 'groq/echo']) {
      expect([model, (await ask(dialect, session, 'And?', model)).status]).toEqual([model, 200]);
      const sent = JSON.stringify(journey.provider.requests.at(-1)!.body);
      expect(sent).toContain('+/+/');
      expect(sent.split(HELLO).length).toBe(3);
    }
  },
);

const audio = (data: string, format = 'wav') => ({ type: 'input_audio', input_audio: { data, format } });
const user = (...content: unknown[]): Json => ({ role: 'user', content });
const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
const image = (image_url: string) => ({ type: 'input_image', image_url });

test.each<[string, string, Json]>([
  ['chat', 'messages[0].content[0].input_audio.data', { messages: [user(audio('#'))] }],
  ['chat', 'messages[0].content[0].input_audio.format', { messages: [user(audio(HELLO, ''))] }],
  [
    'chat',
    'messages[0].content[0].image_url',
    { messages: [user({ type: 'image_url', image_url: 'data:,' })] },
  ],
  [
    'chat',
    'messages[0].content[0].image_url',
    { messages: [user({ type: 'image_url', image_url: { url: '' } })] },
  ],
  [
    'chat',
    'messages[1].images[0].image_url',
    {
      messages: [user(), { role: 'assistant', images: [{ image_url: { url: 'data:image/png;base64,#' } }] }],
    },
  ],
  ['responses', 'input[0].content[0].input_audio.data', { input: [user(audio('#'))] }],
  [
    'responses',
    'input[0].content[0].file_url',
    { input: [user({ type: 'input_file', file_url: 'data:x' })] },
  ],
  [
    'responses',
    'input[1].output[0].image_url',
    {
      input: [
        call,
        { type: 'function_call_output', call_id: 'c', output: [image('data:image/png;base64,#')] },
      ],
    },
  ],
  ['responses', 'input[0].result', { input: [{ type: 'image_generation_call', result: '#' }] }],
  [
    'responses',
    'input[0].output.image_url',
    { input: [{ type: 'computer_call_output', call_id: 'c', output: image('data:image/png;base64,#') }] },
  ],
  [
    'messages',
    'messages[0].content[0].source.url',
    { messages: [user({ type: 'image', source: { type: 'url', url: 'data:image/png;base64,#' } })] },
  ],
  [
    'messages',
    'messages[0].content[0].source.content[0].source.data',
    {
      messages: [
        user({
          type: 'document',
          source: { type: 'content', content: [FORMS.messages.media('image/png', '#')] },
        }),
      ],
    },
  ],
  [
    'messages',
    'messages[0].content[0].source.content',
    { messages: [user({ type: 'document', source: { type: 'content', content: [] } })] },
  ],
  [
    'gemini',
    'contents[0].parts[0].inlineData.data',
    { contents: [{ role: 'model', parts: [{ inlineData: { mimeType: 'audio/wav', data: '#' } }] }] },
  ],
  [
    'gemini',
    'contents[0].parts[0].fileData.fileUri',
    { contents: [{ role: 'user', parts: [{ fileData: { fileUri: 'data:x' } }] }] },
  ],
  [
    'gemini',
    'contents[0].parts[0].thoughtSignature',
    { contents: [{ role: 'model', parts: [{ text: 'a', thoughtSignature: '%' }] }] },
  ],
  ['interactions', 'input[0].data', { input: [{ type: 'audio', data: '#', mime_type: 'audio/wav' }] }],
  ['interactions', 'input.uri', { input: { type: 'image', uri: 'data:x' } }],
])('%s: %s', async (dialect, param, body) => {
  const reply = journey.gateway.post(PATHS[dialect as Dialect], { model: LENIENT, ...body });
  await expectRefusal(reply, 400, { code: 'invalid_request', param });
});

test('appended items are checked, too', async () => {
  const { id } = await json(journey.gateway.post('/v1/conversations', {}));
  const items = [{ type: 'message', ...user(image('data:image/png;base64,#')) }];
  await expectRefusal(journey.gateway.post(`/v1/conversations/${id}/items`, { items }), 400, {
    code: 'invalid_request',
    param: 'items[0].content[0].image_url',
  });
});
