import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { completionText, json, serverEvents, sessionLog } from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { asJson, asList, asText } from '../simulators/provider/shape.ts';
import { PAGE } from './recipes.ts';
import { MODELS, PROTOCOLS } from './script.ts';
import { type Stage, startStage } from './stage.ts';

/** The requests of Open WebUI, as its backend makes them. Open WebUI is not an npm package and is not run here. */

let stage: Stage;
let count = 0;
beforeAll(async () => {
  stage = await startStage();
});
afterEach(() => stage.reset());
afterAll(() => stage.end());

interface Message {
  role: string;
  content: string;
}

/** The headers of the recipe, with the variables that Open WebUI replaces. */
function headersFor(chat: string): Record<string, string> {
  const [, headers] = /^\| Headers \| `(.*)` \|$/m.exec(PAGE)!;
  return JSON.parse(headers!.replaceAll('{{CHAT_ID}}', chat));
}

async function complete(headers: Record<string, string>, body: Record<string, unknown>): Promise<string> {
  const reply = await stage.gateway.post('/v1/chat/completions', body, headers);
  expect(reply.status).toBe(200);
  if (body.stream !== true) return completionText(await reply.json());
  const { events } = serverEvents(await reply.text());
  return events.map(({ data }) => asText(asJson(asList(data.choices)[0]?.delta).content)).join('');
}

const user = (content: string): Message => ({ role: 'user', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });
const task = (messages: Message[]) =>
  user(`### Task:\nGenerate a concise title.\n<chat_history>\n${JSON.stringify(messages)}\n</chat_history>`);

test('the models are listed', async () => {
  const list = await json(stage.gateway.fetch('/v1/models'));
  expect(asList(list.data).length).toBeGreaterThan(0);
});

test.each(PROTOCOLS)(
  'a chat with a title, a second question and a regenerated answer, on %s',
  async (protocol) => {
    const chat = `chat-${count++}`;
    const model = `${MODELS[protocol]}+recall`;
    const asked = { stream: true, model, stream_options: { include_usage: true } };
    const first = [user('My name is Ada.')];
    const one = await complete(headersFor(chat), { ...asked, messages: first });
    await complete({}, { model, messages: [task([...first, assistant(one)])], stream: false });
    const second = [...first, assistant(one), user('What is my name?')];
    await complete(headersFor(chat), { ...asked, messages: second });
    const again = await complete(headersFor(chat), { ...asked, messages: second });

    expect(sent(stage.provider.requests.at(-1))).toEqual([
      ...['user: My name is Ada.', `assistant: ${one}`, 'user: What is my name?'],
    ]);
    expect(await sessionLog(stage.gateway, chat)).toEqual([
      ...['user: My name is Ada.', `assistant: ${one}`, 'user: What is my name?', `assistant: ${again}`],
    ]);
  },
);

test('a request outside of a chat has an empty header and no session', async () => {
  const model = `${MODELS.chat}+recall`;
  const reply = await stage.gateway.post(
    '/v1/chat/completions',
    { model, messages: [user('Hi.')] },
    headersFor(''),
  );
  expect([reply.status, reply.headers.get('x-clawhold-session-id')]).toEqual([200, null]);
});
