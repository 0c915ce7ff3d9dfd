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
 * makes the dictionary from the bodies that it stores. What is said in them is written for the project: nothing comes from
 * users or from data sets.
 *
 * A dictionary is never changed: files hold bodies that need it. A further one gets the next number.
 */
const [number, target] = process.argv.slice(2);
if (!number || !target) throw new Error('Usage: bun bench/dictionary/train.ts <number> <file>');

const BYTES = 64 * 1024;
const SESSIONS_PER_KIND = 10;
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

/** Sentences of the project's documentation and comments. What `bench/stored-bytes.ts` measures with is left out. */
const MEASURED = new Set(['architecture.md', 'sessions.md', 'errors.md']);
async function ownSentences(): Promise<string[]> {
  const root = join(import.meta.dir, '../..');
  const texts: string[] = [];
  for await (const name of new Bun.Glob('docs/**/*.md').scan(root)) {
    if (MEASURED.has(name.replace(/.*\//, ''))) continue;
    texts.push((await Bun.file(join(root, name)).text()).replace(/^(\||```).*$/gm, ''));
  }
  for await (const name of new Bun.Glob('src/**/*.ts').scan(root)) {
    const comments = (await Bun.file(join(root, name)).text()).matchAll(
      /\/\*\*([\s\S]*?)\*\/|^\s*\/\/ (.*)$/gm,
    );
    for (const [, block, line] of comments) texts.push((block ?? line!).replace(/\s*\n\s*\*?\s?/g, ' '));
  }
  const sentences = texts.flatMap((text) => text.split(/(?<=[.!?:])\s+|\n+/)).map((text) => text.trim());
  return sentences.filter(({ length }) => length > 15 && length < 300);
}
const SENTENCES = await ownSentences();

function sentences(): string {
  const from = random(SENTENCES.length - 2);
  return SENTENCES.slice(from, from + 1 + random(2)).join(' ');
}

function questionText(): string {
  const kind = random(20);
  if (kind === 0) return some(TEXTS.others, 1);
  if (kind > 2) return sentences();
  return kind === 1 ? some(TEXTS.talk, 3) : some(TEXTS.questions, 2);
}

function answerText(): string {
  const kind = random(20);
  if (kind === 0) return some(TEXTS.others, 1);
  if (kind > 2) return sentences();
  return kind === 1 ? some(TEXTS.talk, 3) : some(TEXTS.answers, 2);
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

const randomly = (length: number, alphabet: string): string =>
  Array.from({ length }, () => alphabet[random(alphabet.length)]!).join('');

/** What the simulators, or the time of the training, give to all turns alike differs in reality. */
function varied(body: string): string {
  return body
    .replaceAll('fp_de604bd877', () => `fp_${randomly(10, '0123456789abcdef')}`)
    .replace(/[0-9a-f]{16,}(?=")/g, (id) => randomly(id.length, '0123456789abcdef'))
    .replace(/"1[0-9a-z]{32}"/g, () => `"1${randomly(32, '0123456789abcdefghjkmnpqrstvwxyz')}"`)
    .replaceAll(':1234,', () => `:${100 + random(9_000)},`)
    .replace(/(?<=:17)\d{8}(?=[,}])/g, () => randomly(8, '0123456789'))
    .replace(/(?<=:17)\d{11}(?=[,}])/g, () => randomly(11, '0123456789'));
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
  for (let n = 0; n < 15 * SESSIONS_PER_KIND; n++) {
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
  ...['zstd', '--train-fastcover=accel=1,d=6,f=22,steps=8', '-q', '-r', directory, '-o', target],
  ...[`--maxdict=${BYTES}`, `--dictID=${number}`],
]);
rmSync(directory, { recursive: true });
if (!trained.success) throw new Error(trained.stderr.toString());
console.log(`${samples.length} bodies, ${Bun.file(target).size} bytes, sha256:`);
console.log(new Bun.CryptoHasher('sha256').update(await Bun.file(target).bytes()).digest('hex'));
