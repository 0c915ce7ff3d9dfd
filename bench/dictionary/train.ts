import { Database } from 'bun:sqlite';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unpackBody } from '../../src/stores/sqlite/body.ts';
import { conversationIn, DIALECTS, type Dialect, PATHS } from '../../tests/harness/dialects.ts';
import { type OwnGateway, temporaryDirectory, testGateway } from '../../tests/harness/gateway.ts';
import { type Provider, startProvider } from '../../tests/simulators/provider/provider.ts';
import { startProseProvider } from '../prose-provider.ts';
import { TEXTS } from './texts.ts';

/**
 * Makes a dictionary for the bodies of turns (`src/stores/sqlite/body.ts`): `bun bench/dictionary/train.ts <number>
 * <file>`. The gateway answers synthetic conversations with the simulator, and `zstd --train` (the command of zstd)
 * makes the dictionary from the bodies that it stores. Nothing else is in it.
 *
 * A dictionary is never changed: files hold bodies that need it. A further one gets the next number.
 */
const [number, target] = process.argv.slice(2);
if (!number || !target) throw new Error('Usage: bun bench/dictionary/train.ts <number> <file>');

const BYTES = 32 * 1024;
const SESSIONS_PER_KIND = 12;
const TURNS = 8;

/** The models of these protocols have names that tell the simulator what to answer with. */
const MODELS = [
  ...['openai/gpt-5-mini', 'openai/gpt-5+think', 'groq/llama-3.3-70b', 'deepseek/deepseek-chat'],
  ...['anthropic/claude-sonnet-4-5', 'anthropic/claude-opus-4-1+think+cached-900', 'gemini/gemini-2.5-flash'],
];
const TOOL_MODELS = [
  'openai/gpt-5+tools',
  'anthropic/claude-sonnet-4-5+tools',
  'gemini/gemini-2.5-pro+tools',
];

/** A generator of numbers that gives the same ones in every run. */
let seed = 1;
function random(below: number): number {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % below;
}
const oneOf = <T>(list: readonly T[]): T => list[random(list.length)]!;
const some = (list: readonly string[], most: number): string =>
  Array.from({ length: 1 + random(most) }, () => oneOf(list)).join(' ');

function questionText(): string {
  const kind = random(10);
  if (kind === 0) return some(TEXTS.others, 1);
  return kind < 7 ? some(TEXTS.talk, 3) : some(TEXTS.questions, 2);
}

function answerText(): string {
  const kind = random(10);
  if (kind === 0) return some(TEXTS.others, 1);
  return kind < 6 ? some(TEXTS.talk, 3) : some(TEXTS.answers, 3);
}

async function converse(gateway: OwnGateway, dialect: Dialect, model: string, session: string) {
  const system = random(4) === 0 ? 'You are a helpful assistant.' : undefined;
  for (let turn = 0; turn < TURNS; turn++) {
    const body = {
      model,
      ...conversationIn(dialect, system, [{ role: 'user', content: questionText() }]),
      ...(dialect === 'messages' && { max_tokens: 1024 }),
      ...(random(3) === 0 && { stream: true }),
      ...(random(4) === 0 && dialect !== 'gemini' && dialect !== 'interactions' && { temperature: 0.7 }),
    };
    const response = await gateway.post(PATHS[dialect], body, { 'x-clawhold-session-id': session });
    const text = await response.text();
    if (!response.ok) throw new Error(`${dialect}, ${model}: ${text}`);
  }
}

const LOOK_UP = {
  name: 'get_weather',
  description: 'Get the current weather for a city',
  parameters: { type: 'object', properties: { location: { type: 'string' } }, required: ['location'] },
};

/** Turns in which the model calls a function and the caller brings its output. */
async function useTools(gateway: OwnGateway, model: string, session: string): Promise<void> {
  const headers = { 'x-clawhold-session-id': session };
  const tools = [{ type: 'function', function: LOOK_UP }];
  const asked = { model, tools, messages: [{ role: 'user', content: questionText() }] };
  const reply = await (await gateway.post(PATHS.chat, asked, headers)).json();
  const { message } = (reply as { choices: { message: { tool_calls: { id: string }[] } }[] }).choices[0]!;
  const outputs = message.tool_calls.map(({ id }) => ({
    ...{
      role: 'tool',
      tool_call_id: id,
      content: JSON.stringify({ temperature: random(40), unit: 'celsius' }),
    },
  }));
  await (await gateway.post(PATHS.chat, { model, tools, messages: outputs }, headers)).text();
}

async function bodiesOf(provider: { url: string }, ask: (gateway: OwnGateway) => Promise<void>) {
  const dataDir = temporaryDirectory();
  const gateway = await testGateway({ provider: provider.url, dataDir });
  await ask(gateway);
  await gateway.stop();
  const db = new Database(join(dataDir, 'clawhold.db'), { readonly: true });
  const rows = db.query<{ body: string | Uint8Array }, []>('SELECT body FROM turns').all();
  db.close();
  rmSync(dataDir, { recursive: true });
  return rows.map(({ body }) => unpackBody(body));
}

async function everyKind(gateway: OwnGateway): Promise<void> {
  for (let n = 0; n < SESSIONS_PER_KIND; n++) {
    for (const model of MODELS) {
      for (const dialect of DIALECTS) await converse(gateway, dialect, model, `${dialect}-${model}-${n}`);
    }
    for (const model of TOOL_MODELS) await useTools(gateway, model, `tools-${model}-${n}`);
  }
}

/** What the simulators give to all answers alike differs in reality. */
function varied(body: string): string {
  const print = Array.from({ length: 10 }, () => '0123456789abcdef'[random(16)]).join('');
  const tokens = String(100 + random(9_000));
  return body.replaceAll('fp_de604bd877', `fp_${print}`).replaceAll(':1234,', `:${tokens},`);
}

const simulator: Provider = startProvider();
simulator.follow(({ model, tools }) =>
  tools.length > 0 && model.includes('tools') ? undefined : { text: answerText().split(/(?<= )/) },
);
const bodies = await bodiesOf(simulator, everyKind);
await simulator.stop();

// The simulator is stricter than the API of OpenAI in what it reports, so its form is not the only one.
const prose = startProseProvider(Array.from({ length: 997 }, answerText));
const more = await bodiesOf({ url: `http://127.0.0.1:${prose.port}` }, async (gateway) => {
  for (let n = 0; n < 8 * SESSIONS_PER_KIND; n++) {
    const model = oneOf(['openai/gpt-5-mini', 'openai/gpt-4o', 'openai/gpt-4.1-mini', 'groq/llama-3.3-70b']);
    await converse(gateway, 'chat', model, `prose-${n}`);
  }
});
await prose.stop();

const directory = temporaryDirectory();
mkdirSync(directory, { recursive: true });
const samples = [...bodies, ...more].map(varied);
for (const [n, body] of samples.entries()) await Bun.write(join(directory, `${n}`), body);
const trained = Bun.spawnSync([
  ...['zstd', '--train', '-q', '-r', directory, '-o', target],
  ...[`--maxdict=${BYTES}`, `--dictID=${number}`],
]);
rmSync(directory, { recursive: true });
if (!trained.success) throw new Error(trained.stderr.toString());
console.log(`${samples.length} bodies, ${Bun.file(target).size} bytes, sha256:`);
console.log(new Bun.CryptoHasher('sha256').update(await Bun.file(target).bytes()).digest('hex'));
