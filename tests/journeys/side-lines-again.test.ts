import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  assistant,
  conversationIn,
  DIALECTS,
  MAIN,
  PATHS,
  type Said,
  TITLE,
  user,
} from '../harness/dialects.ts';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json, sessionLog } from '../harness/journey.ts';
import { asList, asText } from '../simulators/provider/shape.ts';

/** A side request that is sent again after its turn broke off. */

let provider: DictatedProvider;
let gateway: TestGateway;
let count = 0;

beforeAll(async () => {
  provider = dictatedProvider();
  gateway = await testGateway({ env: provider.env });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

describe.each(DIALECTS)('%s: a side request', (dialect) => {
  function client(naming: 'x-session-id' | 'session-id') {
    const name = `side-again-${count++}`;
    let id = '';
    /** Resolves to what the provider received. */
    const ask = async (system: string, messages: Said[], answer: (call: DictatedCall) => void) => {
      const body = conversationIn(dialect, system, messages);
      const headers = { [naming]: name, 'x-clawhold-when-broken': 'fail' };
      const reply = gateway.post(PATHS[dialect], { model: 'groq/x', stream: true, ...body }, headers);
      const call = await provider.next();
      answer(call);
      const response = await reply;
      await response.text();
      const history = response.headers.get('x-clawhold-history');
      id = response.headers.get('x-clawhold-response-id') ?? '';
      return { history, sent: call.received.filter((line) => !line.startsWith('system')) };
    };
    /** The items that the latest turn added. */
    const added = async () => {
      const items = asList((await json(gateway.fetch(`/v1/responses/${id}/input_items?order=asc`))).data);
      return items.map(({ content }) => asText(asList(content)[0]?.text));
    };
    return { ask, added, log: () => sessionLog(gateway, name) };
  }
  const says = (text: string) => (call: DictatedCall) => {
    call.say(text);
    call.end();
  };
  /** Breaks inside a call, so that no other call of the model continues the answer. */
  const breaks = (call: DictatedCall) => {
    call.say('Half');
    breaksInCall(call);
  };
  const breaksInCall = (call: DictatedCall) => {
    call.callTool('f', '{"a":');
    call.breakOff();
  };

  /** The main line is the one that is continued first. */
  const begin = async (ask: ReturnType<typeof client>['ask']) => {
    const first = [user('q')];
    await ask(MAIN, first, says('a'));
    await ask(MAIN, [...first, assistant('a'), user('q2')], says('a2'));
  };

  test.each([
    ['after some text', breaks],
    ['before any text', breaksInCall],
  ])('takes the position of the turn that broke off %s', async (_, breaksOff) => {
    const { ask, log } = client('x-session-id');
    await begin(ask);
    await ask(TITLE, [user('s')], says('b'));
    await ask(TITLE, [user('s2')], breaksOff);
    const again = await ask(TITLE, [user('s2')], says('c'));
    expect(again.history).toBe('side');
    expect(again.sent.slice(-3)).toEqual(['user: s', 'assistant: b', 'user: s2']);
    const next = await ask(TITLE, [user('s3')], says('d'));
    expect(next.sent.slice(-5)).toEqual([
      ...['user: s', 'assistant: b', 'user: s2', 'assistant: c', 'user: s3'],
    ]);
    expect((await log()).join()).not.toContain('user: s');
  });

  test('takes the position of the first turn of its line', async () => {
    const { ask } = client('x-session-id');
    await begin(ask);
    const first = await ask(TITLE, [user('s')], breaks);
    const again = await ask(TITLE, [user('s')], says('b'));
    expect(again).toEqual({ ...first, history: 'side' });
    const next = await ask(TITLE, [user('s2')], says('c'));
    expect(next.sent).toEqual([...first.sent, 'assistant: b', 'user: s2']);
    // The conversation is still the main line.
    const main = await ask(MAIN, [user('q3')], says('d'));
    expect(main).toEqual({
      history: 'appended',
      sent: ['user: q', 'assistant: a', 'user: q2', 'assistant: a2', 'user: q3'],
    });
  });

  test('with its full history takes the position of a turn without a whole answer', async () => {
    const { ask, added } = client('session-id');
    await begin(ask);
    await ask(TITLE, [user('t')], says('b'));
    const history = [user('t'), assistant('b'), user('t2')];
    const broken = await ask(TITLE, history, breaksInCall);
    const input = await added();
    expect(input.at(-1)).toBe('t2');
    const again = await ask(TITLE, history, says('c'));
    expect(again).toEqual(broken);
    expect(await added()).toEqual(input);
    expect(again.sent).toEqual(['user: t', 'assistant: b', 'user: t2']);
    const next = await ask(TITLE, [...history, assistant('c'), user('t3')], says('d'));
    expect(next.sent).toEqual([...again.sent, 'assistant: c', 'user: t3']);
  });
});
