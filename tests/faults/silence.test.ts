import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { type DictatedCall, type DictatedProvider, dictatedProvider } from '../harness/dictated.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { completionText, json } from '../harness/journey.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';

/** Longer, because these tests wait for time limits. */
setDefaultTimeout(20_000);

const SIGN_OF_LIFE_MS = 200;
const IDLE_MS = 200;
const FIRST_TOKEN_MS = 1_500;
/** Longer than the limits of silence, and shorter than the time until the answer must begin. */
const PAUSE_MS = 500;

let dictated: DictatedProvider;
let simulator: Provider;
let gateway: TestGateway;

beforeAll(async () => {
  dictated = dictatedProvider();
  simulator = startProvider();
  gateway = await testGateway({
    provider: simulator.url,
    env: {
      ...dictated.env,
      CLAWHOLD_TIMEOUTS_SIGN_OF_LIFE_MS: String(SIGN_OF_LIFE_MS),
      CLAWHOLD_TIMEOUTS_IDLE_MS: String(IDLE_MS),
      CLAWHOLD_TIMEOUTS_FIRST_TOKEN_MS: String(FIRST_TOKEN_MS),
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await dictated.stop();
  simulator.stop();
});

/** Asks the dictated model, and the simulator as the second one if it fails. */
async function ask(
  conduct: (call: DictatedCall) => Promise<void>,
  { hasSecond, stream = true }: { hasSecond: boolean; stream?: boolean },
) {
  dictated.answerAutomatically((call) => void conduct(call));
  const reply = await gateway.post('/v1/chat/completions', {
    model: 'groq/dictated',
    fallbacks: hasSecond ? ['openai/say-1'] : [],
    messages: [{ role: 'user', content: 'hi' }],
    stream,
  });
  if (!stream || !reply.ok) {
    const body = await json(reply);
    return { status: reply.status, text: reply.ok ? completionText(body) : JSON.stringify(body) };
  }
  const text = [...(await reply.text()).matchAll(/"content":"([^"]*)"/g)].map((match) => match[1]).join('');
  return { status: reply.status, text };
}

const silence = (ms: number): Promise<void> => Bun.sleep(ms);

async function pings(ms: number, call: DictatedCall): Promise<void> {
  for (let left = ms; left > 0; left -= 50) {
    call.ping();
    await Bun.sleep(50);
  }
}

type Wait = typeof pings;

const beforeIt =
  (wait: Wait, ms = PAUSE_MS) =>
  async (call: DictatedCall) => {
    await wait(ms, call);
    call.say('late');
    call.end();
  };

const inTheMiddle = (wait: Wait) => async (call: DictatedCall) => {
  call.say('first');
  await wait(PAUSE_MS, call);
  call.say(' last');
  call.end();
};

test('a silent model is left for another one', async () => {
  expect(await ask(beforeIt(silence), { hasSecond: true })).toEqual({ status: 200, text: 'word1' });
});

test('the headers of an answer are no sign of life', async () => {
  const opened = async (call: DictatedCall) => {
    call.openStream();
    await beforeIt(silence)(call);
  };
  expect(await ask(opened, { hasSecond: true })).toEqual({ status: 200, text: 'word1' });
});

test('the last model may be silent until its answer must begin', async () => {
  expect(await ask(beforeIt(silence), { hasSecond: false })).toEqual({ status: 200, text: 'late' });
});

test('so may a model that is asked for JSON', async () => {
  const answer = await ask(beforeIt(silence), { hasSecond: true, stream: false });
  expect(answer).toEqual({ status: 200, text: 'late' });
});

test('a model that sends comments is not left', async () => {
  expect(await ask(beforeIt(pings), { hasSecond: true })).toEqual({ status: 200, text: 'late' });
});

test('comments between two parts of an answer are signs of life', async () => {
  expect(await ask(inTheMiddle(pings), { hasSecond: true })).toEqual({ status: 200, text: 'first last' });
  expect((await ask(inTheMiddle(silence), { hasSecond: true })).text).not.toBe('first last');
});

test('comments give no more time to begin', async () => {
  const answer = await ask(beforeIt(pings, 2 * FIRST_TOKEN_MS), { hasSecond: false });
  expect(answer.status).toBe(504);
  expect(answer.text).toContain(`did not begin within ${FIRST_TOKEN_MS} ms`);
});
