import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadCatalogue } from '../src/claws/catalogue/catalogue.ts';
import { loadConfig } from '../src/config/load.ts';
import type { Price } from '../src/core/usage.ts';
import { startGateway } from '../src/main.ts';
import { costOf } from '../src/usage/prices.ts';
import {
  AutomaticCache,
  blocksOf,
  type CacheUse,
  MarkedCache,
} from '../tests/simulators/provider/prompt-cache.ts';
import { startProvider } from '../tests/simulators/provider/provider.ts';
import { ROOT_KEY, temporaryDirectory } from './processes.ts';

/**
 * How much of the input is read from the prompt caches of two providers with two credentials each, and what it
 * costs: sessions, which stay with the claw and the credential of their last turn, against requests that are
 * distributed in turn. Run it: `bun bench/cache-money.ts`, or with `--quick`. The gateway runs in this process, on a
 * clock that jumps from request to request.
 */

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });

const MODELS = { openai: 'gpt-5-mini', anthropic: 'claude-haiku-4-5' };
type Provider = keyof typeof MODELS;
const ANSWER_WORDS = 60;
/** Between two turns of a session, on average: some pauses are longer than a cache lives. */
const PAUSE_MS = 90_000;
const SHAPES = values.quick
  ? [
      { turns: 1, sessions: 20 },
      { turns: 10, sessions: 4 },
    ]
  : [
      { turns: 1, sessions: 200 },
      { turns: 10, sessions: 40 },
      { turns: 100, sessions: 8 },
    ];

/** About 1,500 tokens, the same for all sessions. */
const SYSTEM = `You are the assistant of a travel agency. ${'Answer briefly, name prices, and ask when something is unclear. '.repeat(95)}`;
const question = (session: number, turn: number) =>
  `Question ${turn} of traveller ${session}: ${'which of the regions that you named has good trains and quiet museums in May? '.repeat(8)}`;

const VARIANTS = [
  { name: 'in turn, without affinity', alias: 'round_robin', keepsSession: false },
  { name: 'by weight, without sessions', alias: 'weighted', keepsSession: false },
  { name: 'in turn, with affinity', alias: 'round_robin', keepsSession: true },
  { name: 'least cost, with affinity', alias: 'least_cost', keepsSession: true },
] as const;

const realNow = Date.now;
const clock = { ms: realNow() };

interface Totals {
  input: number;
  cached: number;
  nanoDollars: number;
  /** What the same calls cost without caches. */
  uncached: number;
  requests: number;
  /** Turns that another claw or credential answered than the turn before. */
  moves: number;
}

/** The two providers on one port; the simulator answers, with the tokens that the cache gave. */
function startProviders(seen: (provider: Provider, credential: string, use: CacheUse) => void) {
  const simulator = startProvider({ keep: 10 });
  const caches = { openai: new AutomaticCache(() => clock.ms), anthropic: new MarkedCache(() => clock.ms) };
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const provider: Provider = pathname.endsWith('/messages') ? 'anthropic' : 'openai';
      const body = (await request.json()) as Record<string, unknown>;
      const credential = request.headers.get('x-api-key') ?? request.headers.get('authorization') ?? '';
      const use = caches[provider].call(credential, MODELS[provider], blocksOf(body));
      seen(provider, credential, use);
      const model = `say-${ANSWER_WORDS}+cached-${use.cached}+wrote-${use.wrote}`;
      return fetch(`${simulator.url}${pathname}`, {
        method: 'POST',
        headers: request.headers,
        body: JSON.stringify({ ...body, model }),
      });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}`,
    stop: () => Promise.all([server.stop(true), simulator.stop()]),
  };
}

const yamlOf = (url: string): string => {
  const claw = (provider: Provider, base: string) =>
    `  ${provider}:\n    base_url: ${base}\n    instances: [{ name: a, api_key: sk-${provider}-a }, { name: b, api_key: sk-${provider}-b }]\n`;
  const models = `[openai/${MODELS.openai}, anthropic/${MODELS.anthropic}]`;
  const aliases = ['round_robin', 'weighted', 'least_cost'].map(
    (name) => `  ${name}: { strategy: ${name}, models: ${models} }\n`,
  );
  return `claws:\n${claw('openai', `${url}/v1`)}${claw('anthropic', url)}aliases:\n${aliases.join('')}`;
};

/** The turns of all sessions in the order of their time, with pauses that vary. The same for each variant. */
function schedule({ turns, sessions }: { turns: number; sessions: number }) {
  let state = 12_345;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state + 1) / 2 ** 31;
  };
  return Array.from({ length: sessions }, (_, session) => {
    let at = random() * PAUSE_MS * 4;
    return Array.from({ length: turns }, (_, turn) => {
      at -= turn === 0 ? 0 : Math.log(random()) * PAUSE_MS;
      return { session, turn, at };
    });
  })
    .flat()
    .sort((a, b) => a.at - b.at);
}

async function measure(shape: (typeof SHAPES)[number], variant: (typeof VARIANTS)[number]): Promise<Totals> {
  const totals: Totals = { input: 0, cached: 0, nanoDollars: 0, uncached: 0, requests: 0, moves: 0 };
  let credential = '';
  const providers = startProviders((provider, by, use) => {
    credential = by;
    totals.requests++;
    totals.input += use.input;
    totals.cached += use.cached;
    totals.nanoDollars += costAt(provider, use);
    totals.uncached += costAt(provider, { ...use, cached: 0, wrote: 0 });
  });
  const cwd = temporaryDirectory();
  await Bun.write(join(cwd, 'clawhold.yaml'), yamlOf(providers.url));
  const env = {
    CLAWHOLD_PORT: '0',
    CLAWHOLD_DATA_DIR: join(cwd, 'data'),
    CLAWHOLD_ROOT_KEY: ROOT_KEY,
    CLAWHOLD_DETECT: 'false',
    CLAWHOLD_LOG_LEVEL: 'error',
  };
  const gateway = await startGateway(await loadConfig({ cwd, env }), env);
  const histories = new Map<number, object[]>();
  const lastCredential = new Map<number, string>();
  const beganAt = clock.ms;
  try {
    for (const { session, turn, at } of schedule(shape)) {
      clock.ms = beganAt + at;
      const history = histories.get(session) ?? [{ role: 'system', content: SYSTEM }];
      histories.set(session, history);
      const asked = { role: 'user', content: question(session, turn) };
      history.push(asked);
      const messages = variant.keepsSession && turn > 0 ? [asked] : history;
      const named = variant.keepsSession ? { 'x-clawhold-session-id': `traveller-${session}` } : undefined;
      const reply = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ROOT_KEY}`, 'content-type': 'application/json', ...named },
        body: JSON.stringify({ model: variant.alias, messages, max_tokens: 500 }),
      });
      if (!reply.ok) throw new Error(`${reply.status} ${await reply.text()}`);
      const { choices } = (await reply.json()) as { choices: { message: { content: string } }[] };
      history.push({ role: 'assistant', content: choices[0]!.message.content });
      if (turn > 0 && lastCredential.get(session) !== credential) totals.moves++;
      lastCredential.set(session, credential);
    }
  } finally {
    await gateway.stop();
    await providers.stop();
    rmSync(cwd, { recursive: true, force: true });
  }
  return totals;
}

const catalogue = loadCatalogue();
const priceOf = (provider: Provider): Price => catalogue.model(provider, MODELS[provider])!.price!;

function costAt(provider: Provider, { input, cached, wrote }: CacheUse): number {
  const usage = { input, output: ANSWER_WORDS, cacheRead: cached, cacheWrite: wrote, reasoning: 0 };
  return costOf(usage, priceOf(provider)).amount;
}

const HEADERS = [
  'turns',
  'requests',
  '',
  'input tokens',
  'cached',
  'cost',
  'saved by caches',
  'turns that moved',
];
console.log(`| ${HEADERS.join(' | ')} |\n|${' --- |'.repeat(HEADERS.length)}`);
Date.now = () => Math.floor(clock.ms);
for (const shape of SHAPES) {
  for (const variant of VARIANTS) {
    const { input, cached, nanoDollars, uncached, requests, moves } = await measure(shape, variant);
    const cells = [
      ...[shape.turns, requests, variant.name, input.toLocaleString('en')],
      ...[
        `${((100 * cached) / input).toFixed(1)} %`,
        `$${(nanoDollars / 1e9).toFixed(3)}`,
        `${(100 * (1 - nanoDollars / uncached)).toFixed(1)} %`,
        moves,
      ],
    ];
    console.log(`| ${cells.join(' | ')} |`);
    clock.ms += 86_400_000;
  }
}
process.exit(0);
