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

interface Told {
  text: string;
  /** What became of the messages. */
  history: string | null;
  /** The response, for later turns to continue. */
  id: string;
}

async function tell(messages: Message[], model = 'openai/recall'): Promise<Told> {
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

describe('a client that sends only what is new', () => {
  test('starts a session, then appends to it', async () => {
    expect((await tell([user('one')])).history).toBe('started');
    expect((await tell([user('two')])).history).toBe('appended');
    expect(lastSent()).toEqual(['user: one', 'assistant: I have heard: "one"', 'user: two']);
  });

  test('does not pile up a system prompt that it repeats', async () => {
    await tell([system('Be brief.'), user('one')]);
    await tell([system('Be brief.'), user('two')]);
    await tell([system('Be brief.'), user('three')], 'anthropic/recall');
    expect(lastSent().filter((line) => line.startsWith('system'))).toEqual(['system: Be brief.']);
    expect((await log()).filter((line) => line.startsWith('system'))).toEqual(['system: Be brief.']);
  });

  test('changes its system prompt, which then counts', async () => {
    await tell([system('Be brief.'), user('one')]);
    await tell([system('Be long.'), user('two')]);
    await tell([system('Be long.'), user('three')]);
    expect(lastSent().filter((line) => line.startsWith('system'))).toEqual([
      'system: Be brief.',
      'system: Be long.',
    ]);
  });

  test('may say the same thing twice', async () => {
    await tell([user('yes')]);
    expect((await tell([user('yes')])).text).toBe('I have heard: "yes" | "yes"');
  });
});

describe('a client that sends its full history', () => {
  test('is recognised: only the rest is appended', async () => {
    const first = await tell([user('one')]);
    const second = await tell([user('one'), assistant(first.text), user('two')]);
    expect(second.history).toBe('matched');
    expect(await log()).toEqual([
      'user: one',
      `assistant: ${first.text}`,
      'user: two',
      `assistant: ${second.text}`,
    ]);
    expect(lastSent()).toEqual(['user: one', `assistant: ${first.text}`, 'user: two']);
  });

  test('is recognised with its system prompt, over many turns', async () => {
    const messages: Message[] = [system('Be brief.')];
    for (let turn = 1; turn <= 5; turn++) {
      messages.push(user(`turn ${turn}`));
      const { text, history } = await tell(messages);
      expect(history).toBe(turn === 1 ? 'started' : 'matched');
      messages.push(assistant(text));
    }
    expect(await log()).toHaveLength(11);
  });

  test('may begin a session in the middle of its conversation', async () => {
    const { history, text } = await tell([user('one'), assistant('an answer from elsewhere'), user('two')]);
    expect(history).toBe('started');
    expect(text).toBe('I have heard: "one" | "two"');
    expect((await tell([user('three')])).text).toBe('I have heard: "one" | "two" | "three"');
  });

  test('may change how it sends: first news, then all, then news', async () => {
    const first = await tell([user('one')]);
    const second = await tell([user('two')]);
    const third = await tell([
      user('one'),
      assistant(first.text),
      user('two'),
      assistant(second.text),
      user('three'),
    ]);
    expect(third.history).toBe('matched');
    const fourth = await tell([user('four')]);
    expect(fourth.text).toBe('I have heard: "one" | "two" | "three" | "four"');
  });

  test('is recognised with images in it', async () => {
    const url = `data:image/png;base64,${Buffer.alloc(20_000, 7).toString('base64')}`;
    const picture: Message = {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url, detail: 'low' } },
      ],
    };
    const first = await tell([picture]);
    const second = await tell([picture, assistant(first.text), user('Sure?')]);
    expect(second.history).toBe('matched');
    const body = asJson(journey.provider.requests.at(-1)?.body);
    expect(asList(body.messages)[0]?.content).toEqual(picture.content as unknown);
    expect(await log()).toHaveLength(4);
  });
});

describe('a history that leaves the session', () => {
  async function twoTurns(): Promise<[Told, Told]> {
    const first = await tell([user('one')]);
    return [first, await tell([user('one'), assistant(first.text), user('two')])];
  }

  test('forks: nothing is overwritten, and both branches go on', async () => {
    const [first, second] = await twoTurns();
    const edited = await tell([user('one'), assistant(first.text), user('two, edited')]);
    expect(edited.history).toBe('forked');
    expect(edited.text).toBe('I have heard: "one" | "two, edited"');
    expect(lastSent()).toEqual(['user: one', `assistant: ${first.text}`, 'user: two, edited']);

    // The session follows the new branch; the old one is continued by its response.
    expect((await tell([user('three')])).text).toBe('I have heard: "one" | "two, edited" | "three"');
    const old = await journey.client.responses.create({
      model: 'openai/recall',
      input: 'three, elsewhere',
      previous_response_id: second.id,
    });
    expect(old.output_text).toBe('I have heard: "one" | "two" | "three, elsewhere"');
    expect((await tell([user('four')])).text).toBe('I have heard: "one" | "two, edited" | "three" | "four"');
  });

  test('may return to the branch that it left', async () => {
    const [first, second] = await twoTurns();
    await tell([user('one'), assistant(first.text), user('two, edited')]);
    const back = await tell([
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
    const again = await tell([user('one'), assistant(first.text), user('two')], 'openai/recall+again');
    expect(again.history).toBe('forked');
    expect(again.id).not.toBe(second.id);
    const kept = await journey.client.responses.retrieve(second.id);
    expect(kept.output_text).toBe(second.text);
    expect(await log()).toHaveLength(4);
  });

  test('from its first message on begins a new root', async () => {
    const [first] = await twoTurns();
    const edited = await tell([user('ONE'), assistant(first.text), user('two')]);
    expect(edited.history).toBe('forked');
    expect(edited.text).toBe('I have heard: "ONE" | "two"');
    expect(await log()).toEqual([
      'user: ONE',
      `assistant: ${first.text}`,
      'user: two',
      `assistant: ${edited.text}`,
    ]);
  });

  test('because the client dropped its oldest messages is taken as it is', async () => {
    const messages: Message[] = [];
    for (const text of ['one', 'two', 'three']) {
      messages.push(user(text));
      messages.push(assistant((await tell(messages)).text));
    }
    const window = await tell([...messages.slice(2), user('four')]);
    expect(window.text).toBe('I have heard: "two" | "three" | "four"');
    expect(lastSent()).toHaveLength(5);
    // The next window, too: each is answered from exactly what the client sent.
    const next = await tell([...messages.slice(4), user('four'), assistant(window.text), user('five')]);
    expect(next.text).toBe('I have heard: "three" | "four" | "five"');
  });
});
