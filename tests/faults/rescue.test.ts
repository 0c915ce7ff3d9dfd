import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { countsIn, DIALECTS, type Dialect, PATHS, question } from '../harness/dialects.ts';
import { OTHER_KEY, type TestGateway, testGateway } from '../harness/gateway.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import type { Json } from '../simulators/provider/shape.ts';
import { FAULTS, type FaultRow, markdown } from './fault-table.ts';
import { adds, scriptedProvider } from './scripted.ts';
import { type Seen, see } from './seen.ts';

const WHOLE = 'word1 word2 word3 word4 word5 word6 word7 word8';

/** The ways to name a second model. Asked to continue, the models differ: one repeats words, one begins again. */
const WAYS = {
  none: undefined,
  fallbacks: 'anthropic/claude-sonnet-4-5+say-8',
  list: 'groq/say-8+overlap-2',
  alias: 'anthropic/claude-opus-4-8+say-8+again',
} as const;
type Way = keyof typeof WAYS;

interface Case {
  row: FaultRow;
  dialect: Dialect;
  stream: boolean;
  way: Way;
}

const casesOf = (row: FaultRow): Case[] =>
  DIALECTS.flatMap((dialect) =>
    [true, false].flatMap((stream) =>
      (Object.keys(WAYS) as Way[]).map((way) => ({ row, dialect, stream, way })),
    ),
  );

const nameOf = ({ dialect, stream, way }: Case): string =>
  `${dialect} ${stream ? 'stream' : 'JSON'}, ${way === 'none' ? 'no other model' : way}`;

/** A `once-` fault happens once per model name, so each case has its own label in the name. */
const labelOf = (it: Case): string => `row${FAULTS.indexOf(it.row)}-${it.dialect}${it.stream}-${it.way}`;
const modelOf = (it: Case): string => `${it.row.model}+say-${it.row.words ?? 8}+${labelOf(it)}`;
const secondModelOf = (it: Case): string | undefined =>
  WAYS[it.way] && `${WAYS[it.way]}+${labelOf(it)}+second`;

const aliases = FAULTS.flatMap(casesOf)
  .filter(({ way }) => way === 'alias')
  .map((it) => `  ${labelOf(it)}: ["${modelOf(it)}", "${secondModelOf(it)}"]`);
const yaml = `keys:\n  - { name: other, key: ${OTHER_KEY}, tenant: other }\naliases:\n${aliases.join('\n')}\n`;

/** The fields of a request that name the models. */
function models(it: Case): Record<string, unknown> {
  const second = secondModelOf(it)!;
  switch (it.way) {
    case 'none':
      return { model: modelOf(it) };
    case 'fallbacks':
      return { model: modelOf(it), fallbacks: [second] };
    case 'list':
      return { model: [modelOf(it), second] };
    case 'alias':
      return { model: labelOf(it) };
  }
}

let provider: Provider;
let patient: TestGateway;
/** The time limits are short, but much longer than a simulator without faults needs. */
let hasty: TestGateway;

beforeAll(async () => {
  provider = startProvider();
  const closed = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  await closed.stop(true);
  const env = { DEEPSEEK_BASE_URL: `http://127.0.0.1:${closed.port}/v1`, CLAWHOLD_RETRIES_SHARE: '1' };
  const options = { provider: provider.url, yaml, env };
  patient = await testGateway(options);
  hasty = await testGateway({
    ...options,
    env: {
      ...env,
      CLAWHOLD_TIMEOUTS_FIRST_TOKEN_MS: '800',
      CLAWHOLD_TIMEOUTS_IDLE_MS: '400',
      CLAWHOLD_TIMEOUTS_TOTAL_MS: '1500',
    },
  });
});
afterAll(async () => {
  await Promise.all([patient.stop(), hasty.stop()]);
  provider.stop();
});

async function ask(it: Case): Promise<Seen> {
  const { dialect, stream, row } = it;
  const gateway = row.isSlow ? hasty : patient;
  const usage = dialect === 'chat' && stream ? { stream_options: { include_usage: true } } : {};
  return see(
    await gateway.post(PATHS[dialect], { ...models(it), stream, ...usage, ...question(dialect, 'Count.') }),
    dialect,
  );
}

const callsOf = (name: string): number =>
  provider.requests.filter(({ model }) => model === name.split('/')[1]).length;

/** The cell of the table for a result. */
function cellOf(it: Case, seen: Seen): string {
  const first = callsOf(modelOf(it));
  const second = it.way === 'none' ? 0 : callsOf(secondModelOf(it)!);
  return `${outcomeOf(seen)} · ${second > 0 ? `${first} + ${second}` : first}`;
}

function outcomeOf({ status, isWhole, text, code, restarts }: Seen): string {
  if (isWhole) return text === WHOLE && restarts === 0 ? 'whole' : `whole, but "${text}"`;
  if (status !== 200) return `${status} ${code}`;
  return WHOLE.startsWith(text) && text !== '' ? `${code}` : `${code}, but "${text}"`;
}

describe('the result for the caller, and the number of provider calls', () => {
  test.each(FAULTS.map((row) => [row.what, row.model, row] as const))('%s (%s)', async (_, __, row) => {
    const cases = casesOf(row);
    const seen = await Promise.all(cases.map(ask));
    const cells = cases.map((it, at) => [nameOf(it), cellOf(it, seen[at]!)]);
    const expected = cases.map((it) => {
      const cell = it.way === 'none' ? row.oneModel : row.twoModels;
      return [nameOf(it), cell[it.stream ? 0 : 1]];
    });
    expect(Object.fromEntries(cells)).toEqual(Object.fromEntries(expected));
    for (const [at, it] of cases.entries()) expectHeaders(it, seen[at]!);
  });

  /** Who answered, and the tokens. The headers of a stream are sent before a rescue calls the second model. */
  function expectFacts(it: Case, headers: Headers, body: Json): void {
    const second = secondModelOf(it);
    const answered = second && callsOf(second) > 0 ? second : modelOf(it);
    const named = headers.get('x-clawhold-model-id');
    // Anthropic's and Google's APIs name the model as its provider does, and a stream before another one continues.
    if (it.dialect === 'chat' || it.dialect === 'responses')
      expect([nameOf(it), body.model]).toEqual([nameOf(it), answered]);
    else if (!it.stream)
      expect(body.model ?? body.modelVersion).toBe(answered.slice(answered.indexOf('/') + 1));
    if (!it.stream) expect(named).toBe(answered);
    expect([nameOf(it), typeof countsIn(body).output]).toEqual([nameOf(it), 'number']);
  }

  function expectHeaders(it: Case, { status, headers, isWhole, body }: Seen): void {
    if (status === 200) {
      expect(headers.get('x-clawhold-model-id')).toBeString();
      if (isWhole) expectFacts(it, headers, body);
      return;
    }
    expect(headers.get('content-type')).toStartWith('application/json');
    if (it.way !== 'none') return;
    for (const [header, value] of Object.entries(it.row.headers ?? {})) {
      expect(headers.get(header)).toBe(value);
    }
  }
});

describe('an answer that is cut at any character', () => {
  const words = 'the strawberry has a stem, a claw-like one, and three r. No more!';
  const answer = `You said: ${words}`;
  const positions = Array.from({ length: answer.length - 1 }, (_, at) => at + 1);

  const cutting = scriptedProvider((model, nth) => {
    const position = Number(/cut-(\d+)/.exec(model)![1]);
    return nth === 1 ? [adds({ content: answer.slice(0, position) })] : undefined;
  });
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await testGateway({ provider: provider.url, env: { GROQ_BASE_URL: cutting.url } });
  });
  afterAll(async () => {
    await gateway.stop();
    await cutting.stop();
  });

  test.each([
    ['that continues with the next character', 'anthropic/claude-sonnet-4-5+echo'],
    ['that is asked to continue', 'openai/echo'],
    ['that repeats the last word, whole if it was cut', 'openai/echo+overlap-1'],
    ['that repeats the last three words', 'gemini/gemini-3.6-flash+echo+overlap-3'],
    ['that begins the answer again', 'anthropic/claude-opus-4-8+echo+again'],
  ])('is continued without a gap or a repetition by a model %s (%s)', async (_, second) => {
    for (const dialect of DIALECTS) {
      const input = question(dialect, words);
      const replies = positions.map(async (position) => {
        const model = [`groq/cut-${position}+${dialect}+${second}`, second];
        return see(await gateway.post(PATHS[dialect], { model, stream: true, ...input }), dialect);
      });
      for (const { isWhole, text } of await Promise.all(replies)) {
        expect(text).toBe(answer);
        expect(isWhole).toBe(true);
      }
    }
  });
});

test('the documentation has the same table', async () => {
  expect(await Bun.file('docs/faults.md').text()).toContain(markdown());
});
