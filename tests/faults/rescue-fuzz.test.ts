import { afterAll, beforeAll, expect, test } from 'bun:test';
import fc from 'fast-check';
import { argumentsOf } from '../../src/core/call-arguments.ts';
import { DIALECTS, type Dialect, FORMS, PATHS, pathOf, question } from '../harness/dialects.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { sessionLog } from '../harness/journey.ts';
import { after, blocksOf, numberOf, withoutComments } from '../harness/reading.ts';
import { asList, asText, type Json } from '../simulators/provider/shape.ts';
import { adds, ends, scriptedProvider } from './scripted.ts';
import { type Seen, see } from './seen.ts';

/** A whole answer of the model. */
interface Answer {
  thoughts: string[];
  words: string[];
  /** The arguments of each call, in pieces. */
  calls: string[][];
}

/** One call to the model: how many chunks it sends before it breaks off, and how many words it repeats. */
interface CallBehaviour {
  chunks: number;
  repeats: number;
}

const WORDS = ['one', ' two', ' three.', '\n\nFour', ',', ' “five”', ' 6', ' sev', 'en', ' ', '—', ' acht'];
const answers: fc.Arbitrary<Answer> = fc.record({
  thoughts: fc.array(fc.constantFrom('Let', ' me', ' see'), { maxLength: 3 }),
  words: fc
    .array(fc.constantFrom(...WORDS), { maxLength: 8 })
    .map((words) => words.map((word, at) => `${at === 0 ? word.trimStart() : word}${at}`)),
  calls: fc.array(fc.array(fc.constantFrom('{"a":', '1}', '{}'), { minLength: 1, maxLength: 3 }), {
    maxLength: 2,
  }),
});
const callBehaviours = fc.array(
  fc.record({ chunks: fc.integer({ min: 1, max: 12 }), repeats: fc.constantFrom(0, 0, 0, 1, 2, 99) }),
  { minLength: 1, maxLength: 4 },
);

/** The beginning of the model's answer in a request that asks for the rest; else empty. */
function beginningOf(body: Json): string {
  const messages = asList(body.messages);
  const [before, last] = messages.slice(-2);
  return last?.role === 'user' && before?.role === 'assistant' ? asText(before.content) : '';
}

function chunksOf({ thoughts, words, calls }: Answer, beginning: string, repeats: number): Json[] {
  const overlapStart = [...beginning.matchAll(/\S+/g)].at(-repeats)?.index ?? 0;
  // An overlap of one character is too short to be recognised as a repetition.
  const from = repeats === 0 || beginning.length - overlapStart < 2 ? beginning.length : overlapStart;
  let at = 0;
  const rest = words.flatMap((word) => {
    const piece = word.slice(Math.max(0, from - at));
    at += word.length;
    return piece === '' ? [] : [piece];
  });
  return [
    ...thoughts.map((reasoning_content) => adds({ reasoning_content })),
    ...rest.map((content) => adds({ content })),
    ...calls.flatMap((pieces, index) =>
      pieces.map((args, piece) => {
        const opening = piece === 0 ? { id: `call_${index}`, type: 'function' } : {};
        const name = piece === 0 ? { name: 'look' } : {};
        return adds({ tool_calls: [{ index, ...opening, function: { ...name, arguments: args } }] });
      }),
    ),
    ends(calls.length > 0 ? 'tool_calls' : 'stop'),
  ];
}

let answer: Answer;
let conduct: CallBehaviour[];
const provider = scriptedProvider((_, nth, body) => {
  const { chunks = 99, repeats = 0 } = conduct[nth - 1] ?? {};
  return chunksOf(answer, beginningOf(body), repeats).slice(0, chunks);
});
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway({ env: { GROQ_API_KEY: 'sk-scripted', GROQ_BASE_URL: provider.url } });
});
afterAll(async () => {
  await gateway.stop();
  await provider.stop();
});

const SSE = { headers: { 'content-type': 'text/event-stream' } };
let count = 0;

async function check(dialect: Dialect): Promise<void> {
  const session = `fuzz-${count++}`;
  const body = { model: `groq/${session}`, stream: true, ...question(dialect, 'Go.') };
  const headers = { 'x-session-id': session, 'x-clawhold-when-broken': 'restart' };
  const reply = await gateway.post(PATHS[dialect], body, headers);
  const id = reply.headers.get('x-clawhold-response-id')!;
  const text = withoutComments(await reply.text());
  const seen = await see(new Response(text, SSE), dialect);
  expectWhole(seen, dialect);
  await expectReplay(`${pathOf(dialect, id)}?stream=true`, text);
  const words = answer.words.join('');
  const calls = answer.calls.map((_, index) => `function_call call_${index}`);
  const log = (await sessionLog(gateway, session)).filter((line) => !line.startsWith('reasoning'));
  expect(log.filter((line) => !line.startsWith('assistant'))).toEqual(['user: Go.', ...calls]);
  expect(
    log
      .filter((line) => line.startsWith('assistant'))
      .map((line) => line.slice(11))
      .join(''),
  ).toBe(words);
}

/** Google's API shows arguments as an object, also those that are none. */
const asObject = (text: string): string =>
  JSON.stringify(JSON.parse(argumentsOf({ type: 'function_call', call_id: '', name: '', arguments: text })));

function expectWhole(seen: Seen, dialect: Dialect): void {
  const shown = FORMS[dialect].hasWholeCalls ? asObject : (text: string) => text;
  const calls = answer.calls.map((pieces, index) => ({
    id: `call_${index}`,
    name: 'look',
    arguments: shown(pieces.join('')),
  }));
  expect(seen).toMatchObject({ isWhole: true, text: answer.words.join(''), calls });
}

async function expectReplay(url: string, live: string): Promise<void> {
  const replay = async (query = '') => withoutComments(await (await gateway.fetch(url + query)).text());
  expect(await replay()).toBe(live);
  const numbers = blocksOf(live)
    .map(numberOf)
    .filter((number) => number !== undefined);
  const last = numbers[Math.floor(numbers.length / 2)] ?? 0;
  expect(await replay(`&starting_after=${last}`)).toBe(after(live, last));
}

test('an answer that breaks off up to four times, at any position, becomes the whole answer', async () => {
  await fc.assert(
    fc.asyncProperty(answers, callBehaviours, async (wanted, calls) => {
      answer = wanted;
      conduct = calls;
      for (const dialect of DIALECTS) await check(dialect);
    }),
    { numRuns: Number(process.env.RUNS ?? 60) },
  );
}, 120_000);
