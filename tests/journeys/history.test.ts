import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import type OpenAI from 'openai';
import { completionText, inSession, type Journey, sessionLog, startJourney } from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { asJson, asList } from '../simulators/provider/shape.ts';

type Message = OpenAI.ChatCompletionMessageParam;

const user = (content: string): Message => ({ role: 'user', content });
const system = (content: string): Message => ({ role: 'system', content });
const assistant = (content: string): Message => ({ role: 'assistant', content });

let journey: Journey;
let count = 0;
let name = '';

beforeAll(async () => {
  journey = await startJourney();
});
beforeEach(() => {
  journey.provider.reset();
  name = `history-${count++}`;
});
afterAll(() => journey.end());

interface Result {
  text: string;
  /** The value of `x-clawhold-history`. */
  history: string | null;
  /** The id of the response, which later turns can continue. */
  id: string;
}

async function send(messages: Message[], model = 'openai/recall'): Promise<Result> {
  const { data, response } = await journey.client.chat.completions
    .create({ model, messages }, inSession(name))
    .withResponse();
  const { headers } = response;
  return {
    text: completionText(data),
    history: headers.get('x-clawhold-history'),
    id: headers.get('x-clawhold-response-id') ?? '',
  };
}

const log = () => sessionLog(journey.gateway, name);
const lastSent = () => sent(journey.provider.requests.at(-1));

describe('a client that sends only new messages', () => {
  test('starts a session, then appends to it', async () => {
    expect((await send([user('one')])).history).toBe('started');
    expect((await send([user('two')])).history).toBe('appended');
    expect(lastSent()).toEqual(['user: one', 'assistant: I have heard: "one"', 'user: two']);
  });

  test('can repeat its system prompt, which is stored once', async () => {
    await send([system('Be brief.'), user('one')]);
    await send([system('Be brief.'), user('two')]);
    await send([system('Be brief.'), user('three')], 'anthropic/recall');
    expect(lastSent().filter((line) => line.startsWith('system'))).toEqual(['system: Be brief.']);
    expect((await log()).filter((line) => line.startsWith('system'))).toEqual(['system: Be brief.']);
  });

  test('can change its system prompt', async () => {
    await send([system('Be brief.'), user('one')]);
    await send([system('Be long.'), user('two')]);
    await send([system('Be long.'), user('three')]);
    expect(lastSent()).toEqual([
      'system: Be long.',
      'user: one',
      'assistant: I have heard: "one"',
      'user: two',
      'assistant: I have heard: "one" | "two"',
      'user: three',
    ]);
  });

  test('can send the same message twice', async () => {
    await send([user('yes')]);
    expect((await send([user('yes')])).text).toBe('I have heard: "yes" | "yes"');
  });
});

describe('a client that sends a question alone, and then the conversation since that question', () => {
  const heard = (text: string) => assistant(`I have heard: ${text}`);

  test('continues the session', async () => {
    await send([system('Be brief.'), user('one')]);
    expect((await send([system('Be brief.'), user('two')])).history).toBe('appended');
    const since = [user('two'), heard('"one" | "two"'), user('three')];
    expect((await send([system('Be brief.'), ...since])).history).toBe('matched');
    expect(lastSent()).toEqual([
      ...['system: Be brief.', 'user: one', 'assistant: I have heard: "one"'],
      ...['user: two', 'assistant: I have heard: "one" | "two"', 'user: three'],
    ]);
    expect((await log()).filter((line) => line.startsWith('user: '))).toEqual([
      ...['user: one', 'user: two', 'user: three'],
    ]);
  });

  test('and has edited it, begins a new branch', async () => {
    await send([user('one')]);
    await send([user('two')]);
    expect((await send([user('two'), assistant('edited'), user('three')])).history).toBe('forked');
    expect(lastSent()).toEqual(['user: two', 'assistant: edited', 'user: three']);
  });

  test('is not a client that shortens the history which it sends each time', async () => {
    await send([user('one')]);
    await send([user('one'), heard('"one"'), user('two')]);
    expect((await send([user('two'), heard('"one" | "two"'), user('three')])).history).toBe('forked');
    expect(lastSent()).toEqual(['user: two', 'assistant: I have heard: "one" | "two"', 'user: three']);
  });

  test.each(['openai', 'anthropic', 'gemini', 'groq'])(
    "as the SDK's tool runner does, on %s",
    async (provider) => {
      const look = {
        name: 'look',
        description: 'Looks.',
        parameters: { type: 'object' },
        parse: JSON.parse,
        function: () => 'seen',
      };
      const ask = (content: string) => {
        const tools = [{ type: 'function' as const, function: look }];
        const request = { model: `${provider}/tools`, messages: [user(content)], tools };
        return journey.client.chat.completions.runTools(request, inSession(name)).finalContent();
      };
      for (const question of ['one', 'two', 'three']) await ask(question);
      const turn = (question: string) => [
        `user: ${question}`,
        'call look',
        expect.stringMatching(/^output .*seen/),
      ];
      const answer = expect.stringMatching(/^assistant: The tools answered/);
      expect(lastSent()).toEqual([...turn('one'), answer, ...turn('two'), answer, ...turn('three')]);
    },
  );
});

describe('a client that sends its full history', () => {
  test('has its history recognised: only the rest is appended', async () => {
    const first = await send([user('one')]);
    const second = await send([user('one'), assistant(first.text), user('two')]);
    expect(second.history).toBe('matched');
    expect(await log()).toEqual([
      'user: one',
      `assistant: ${first.text}`,
      'user: two',
      `assistant: ${second.text}`,
    ]);
    expect(lastSent()).toEqual(['user: one', `assistant: ${first.text}`, 'user: two']);
  });

  test('has its history recognised with a system prompt, over many turns', async () => {
    const messages: Message[] = [system('Be brief.')];
    for (let turn = 1; turn <= 5; turn++) {
      messages.push(user(`turn ${turn}`));
      const { text, history } = await send(messages);
      expect(history).toBe(turn === 1 ? 'started' : 'matched');
      messages.push(assistant(text));
    }
    expect(await log()).toHaveLength(11);
  });

  test('can begin a session in the middle of its conversation', async () => {
    const { history, text } = await send([user('one'), assistant('an answer from elsewhere'), user('two')]);
    expect(history).toBe('started');
    expect(text).toBe('I have heard: "one" | "two"');
    expect((await send([user('three')])).text).toBe('I have heard: "one" | "two" | "three"');
  });

  test('can send new messages, then its full history, then new messages', async () => {
    const first = await send([user('one')]);
    const second = await send([user('two')]);
    const third = await send([
      user('one'),
      assistant(first.text),
      user('two'),
      assistant(second.text),
      user('three'),
    ]);
    expect(third.history).toBe('matched');
    const fourth = await send([user('four')]);
    expect(fourth.text).toBe('I have heard: "one" | "two" | "three" | "four"');
  });

  test('has its history recognised with images', async () => {
    const url = `data:image/png;base64,${Buffer.alloc(20_000, 7).toString('base64')}`;
    const picture: Message = {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url, detail: 'low' } },
      ],
    };
    const first = await send([picture]);
    const second = await send([picture, assistant(first.text), user('Sure?')]);
    expect(second.history).toBe('matched');
    const body = asJson(journey.provider.requests.at(-1)?.body);
    expect(asList(body.messages)[0]?.content).toEqual(picture.content as unknown);
    expect(await log()).toHaveLength(4);
  });
});

describe('a history that differs from the session', () => {
  async function twoTurns(): Promise<[Result, Result]> {
    const first = await send([user('one')]);
    return [first, await send([user('one'), assistant(first.text), user('two')])];
  }

  test('forks: nothing is overwritten, and both branches continue', async () => {
    const [first, second] = await twoTurns();
    const edited = await send([user('one'), assistant(first.text), user('two, edited')]);
    expect(edited.history).toBe('forked');
    expect(edited.text).toBe('I have heard: "one" | "two, edited"');
    expect(lastSent()).toEqual(['user: one', `assistant: ${first.text}`, 'user: two, edited']);

    // The session follows the new branch; the old one is continued by its response.
    expect((await send([user('three')])).text).toBe('I have heard: "one" | "two, edited" | "three"');
    const old = await journey.client.responses.create({
      model: 'openai/recall',
      input: 'three, elsewhere',
      previous_response_id: second.id,
    });
    expect(old.output_text).toBe('I have heard: "one" | "two" | "three, elsewhere"');
    expect((await send([user('four')])).text).toBe('I have heard: "one" | "two, edited" | "three" | "four"');
  });

  test('can return to an earlier branch', async () => {
    const [first, second] = await twoTurns();
    await send([user('one'), assistant(first.text), user('two, edited')]);
    const back = await send([
      user('one'),
      assistant(first.text),
      user('two'),
      assistant(second.text),
      user('three'),
    ]);
    expect(back.text).toBe('I have heard: "one" | "two" | "three"');
    expect(lastSent()).toHaveLength(5);
  });

  test('regenerates an answer without losing the first', async () => {
    const [first, second] = await twoTurns();
    const again = await send([user('one'), assistant(first.text), user('two')], 'openai/recall+again');
    expect(again.history).toBe('forked');
    expect(again.id).not.toBe(second.id);
    const kept = await journey.client.responses.retrieve(second.id);
    expect(kept.output_text).toBe(second.text);
    expect(await log()).toHaveLength(4);
  });

  test('begins a new root if its first message differs', async () => {
    const [first] = await twoTurns();
    const edited = await send([user('ONE'), assistant(first.text), user('two')]);
    expect(edited.history).toBe('forked');
    expect(edited.text).toBe('I have heard: "ONE" | "two"');
    expect(await log()).toEqual([
      'user: ONE',
      `assistant: ${first.text}`,
      'user: two',
      `assistant: ${edited.text}`,
    ]);
  });

  test('is used as it is if the client dropped its oldest messages', async () => {
    const messages: Message[] = [];
    for (const text of ['one', 'two', 'three']) {
      messages.push(user(text));
      messages.push(assistant((await send(messages)).text));
    }
    const window = await send([...messages.slice(2), user('four')]);
    expect(window.text).toBe('I have heard: "two" | "three" | "four"');
    expect(lastSent()).toHaveLength(5);
    // The same for the next window: the model receives exactly the messages of the client.
    const next = await send([...messages.slice(4), user('four'), assistant(window.text), user('five')]);
    expect(next.text).toBe('I have heard: "three" | "four" | "five"');
  });
});
