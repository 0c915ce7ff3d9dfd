import { rmSync } from 'node:fs';
import { openCalls } from '../src/composition/calls.ts';
import { openClaws } from '../src/composition/claws.ts';
import { loadConfig } from '../src/config/load.ts';
import { TokenRatios } from '../src/context/token-ratios.ts';
import { TokenCounter } from '../src/context/tokenizer/token-counter.ts';
import type { Candidate } from '../src/core/candidate.ts';
import { systemClock } from '../src/core/clock.ts';
import { newSessionId, newTurnId } from '../src/core/ids.ts';
import type { Item } from '../src/core/items.ts';
import type { Tenant } from '../src/core/request.ts';
import { STRATEGIES } from '../src/core/routing.ts';
import type { PlacedIntent } from '../src/core/turn.ts';
import { CallerLimits, type LimitSettings } from '../src/limits/limits.ts';
import { timeLimits } from '../src/routing/attempts.ts';
import { type Answer, chain, type Dispatch } from '../src/routing/call-chain.ts';
import { candidatesOf, choose } from '../src/routing/choose.ts';
import { gate } from '../src/routing/gate.ts';
import { UNLIMITED as NO_BUDGET } from '../src/routing/money-budget.ts';
import type { Route } from '../src/routing/order.ts';
import { retries } from '../src/routing/retries.ts';
import { EMPTY_DIGEST } from '../src/session/history.ts';
import { MemoryRateStore } from '../src/stores/memory/rate-store.ts';
import { callFirst } from '../src/turn/answer/call.ts';
import { Contexts, reachWith } from '../src/turn/answer/contexts.ts';
import { promptFor } from '../src/turn/answer/prompt.ts';
import { limitTurn } from '../src/turn/start/limit.ts';
import { type RouteSource, routeOf } from '../src/turn/start/route.ts';
import { temporaryDirectory } from './processes.ts';

const WISH = { policy: 'truncate' } as const;
const NO_SEALS = { open: () => undefined };
const TOKENS = { ratios: new TokenRatios(), counter: new TokenCounter() };

/** The parts of a turn that routing adds, without HTTP, sessions and claws, in this process. */

/** A request, with what its turn has made of it before it is routed. */
export interface RoutedTurn extends RouteSource {
  intent: PlacedIntent;
  contexts: Contexts;
  signal: AbortSignal;
}

export interface TurnParts {
  /** The turn of a request for a model. Its context is made already, as for a turn that is not routed. */
  turn(model: string): RoutedTurn;
  /** From the model's name to candidates, filtered and in order. */
  route(turn: RoutedTurn): Route;
  /** The chain between a turn and its claw: retries, breaker, bulkhead, time limits. */
  call(turn: RoutedTurn, route: Route): Promise<void>;
  /** What is called without the chain: the prompt, and the answer. */
  answer(turn: RoutedTurn, route: Route): Promise<void>;
  /** Takes and settles the caller's limits: requests, tokens and streams, globally and of the key and the model. */
  limit(turn: RoutedTurn): Promise<void>;
  close(): void;
}

export const PLAIN_MODEL = 'openai/gpt-5-mini';
const PROVIDERS = ['openai', 'anthropic', 'gemini', 'groq', 'mistral'];
const MODELS_EACH = 4;
export const CANDIDATES = PROVIDERS.length * MODELS_EACH;
const UNLIMITED = 1e12;
const EACH = { requestsPerMinute: UNLIMITED, tokensPerMinute: UNLIMITED, streams: UNLIMITED };

/** One alias for each strategy, named as the strategy. */
const yamlOf = (models: readonly string[]): string =>
  `aliases:\n${STRATEGIES.map((strategy) => `  ${strategy}: { strategy: ${strategy}, models: [${models}] }\n`).join('')}`;

export async function openTurnParts(): Promise<TurnParts> {
  const cwd = temporaryDirectory();
  const keys = PROVIDERS.map((name) => [`${name.toUpperCase()}_API_KEY`, 'sk-bench']);
  const env = { ...Object.fromEntries(keys), CLAWHOLD_DETECT: 'false', CLAWHOLD_PRECONNECT: 'false' };
  const named = await openClaws(await loadConfig({ cwd, env }), env);
  const models = PROVIDERS.flatMap((provider) =>
    named.directory
      .names()
      .filter((name) => name.startsWith(`${provider}/`))
      .slice(0, MODELS_EACH),
  );
  await Bun.write(`${cwd}/clawhold.yaml`, yamlOf(models));
  const config = await loadConfig({ cwd, env });
  await named.reconfigure(config);
  const { directory } = named;
  const emit = () => {};
  const { health, routing, capabilities } = openCalls(config, directory, { level: 'calm' }, emit);
  const now = () => performance.now();
  const interceptors = [
    retries({ health, settings: () => config.retries, emit }),
    gate({ health, breaker: () => config.breaker, now, emit: () => {} }),
    timeLimits(() => config.timeouts),
  ];
  const dispatch = chain(interceptors, constantAnswer);
  const limits = new CallerLimits(new MemoryRateStore(), limitsOf([PLAIN_MODEL, ...STRATEGIES]));
  const path = { directory, routing, clock: systemClock };
  const promptOf = ({ intent, contexts }: RoutedTurn, candidate: Candidate) =>
    promptFor(candidate, capabilities(candidate), intent, contexts.for(candidate));
  const choiceOf = (intent: PlacedIntent) =>
    choose(intent, intent, { directory, capabilities, budget: NO_BUDGET });
  measureSome(models, (model) => health.of(choiceOf(intentOf(model)).groups[0]!.members[0]!.candidate));
  return {
    turn(model) {
      const intent = intentOf(model);
      const candidates = candidatesOf(choiceOf(intent));
      const { window } = reachWith(candidates, intent, WISH, TOKENS.ratios);
      const source = { intent, branch: [], window, wish: WISH, seals: NO_SEALS, tokens: TOKENS };
      const contexts = new Contexts(source);
      contexts.expectFit(candidates);
      return { intent, contexts, session: { branch: [] }, signal: new AbortController().signal };
    },
    route: (turn) => routeOf(choiceOf(turn.intent), turn, path),
    async call(turn, route) {
      const { intent, signal } = turn;
      const bounds = { count: { calls: 0, failed: [] }, endsAt: now() + config.timeouts.turnMs };
      const prompt = (candidate: Candidate) => promptOf(turn, candidate);
      const request = { route, prompt, signal, trace: intent, key: intent.key, ...bounds };
      await drain(await callFirst(request, dispatch, emit));
    },
    async answer(turn, { candidates: [first] }) {
      promptOf(turn, first!);
      await drain(await constantAnswer({ count: { calls: 0 } }));
    },
    async limit({ intent }) {
      const caller = { ...CALLER, tenant: intent.tenant, key: intent.key };
      const hold = await limitTurn(
        { ask: intent, caller },
        { limits, overload: { level: 'calm', admit() {} } },
      );
      hold!.report({ usage: USAGE });
      await hold!.settle();
    },
    close() {
      named.close();
      rmSync(cwd, { recursive: true, force: true });
    },
  };
}

const CALLER = { policy: {} as never, isRoot: false, mayKeep: true };
const USAGE = { input: 180, output: 20, cacheRead: 0, cacheWrite: 0, reasoning: 0 };

const limitsOf = (models: readonly string[]): LimitSettings => ({
  global: EACH,
  perKey: EACH,
  keys: new Map(),
  perUser: {},
  models: new Map(models.map((model) => [model, EACH])),
});

/** Most candidates were called before, so that the strategies have something to compare. */
function measureSome(
  models: readonly string[],
  healthOf: (model: string) => ReturnType<ReturnType<typeof openCalls>['health']['of']>,
): void {
  for (const [index, model] of models.entries()) {
    if (index % MODELS_EACH === 0) continue;
    const health = healthOf(model);
    for (let call = 0; call < 20; call++) {
      health.firstTokenAfter(300 + 10 * ((index * 7) % 20));
      health.streamed(100, 1_000 + 50 * index);
      health.answered(200 + index);
    }
  }
}

const FIRST: Answer['first'] = [
  { type: 'start', model: 'constant' },
  { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
  { type: 'text-delta', index: 0, part: 0, text: 'Yes.' },
];
const LAST: Answer['first'] = [
  { type: 'item-end', index: 0 },
  { type: 'usage', usage: USAGE },
  { type: 'finish', reason: { unified: 'stop', raw: 'stop' } },
];

/** An answer in two bursts. */
const constantAnswer = (async ({ count }: { count: { calls: number } }) => {
  count.calls++;
  let isRead = false;
  const next = async (): Promise<IteratorResult<Answer['first']>> => {
    if (isRead) return { done: true, value: undefined };
    isRead = true;
    return { done: false, value: LAST };
  };
  return { first: FIRST, rest: { next }, exact: false };
}) satisfies Dispatch;

async function drain({ rest }: Pick<Answer, 'rest'>): Promise<void> {
  while (!(await rest.next()).done);
}

const message = (role: 'user' | 'assistant' | 'system', text: string): Item =>
  role === 'assistant'
    ? { type: 'message', role, content: [{ type: 'output_text', text, annotations: [] }] }
    : { type: 'message', role, content: [{ type: 'input_text', text }] };

const WORDS =
  'We like hiking and museums, and we have ten days in May. Which regions would you compare for us? ';

/** A client that keeps the conversation itself, in its second turn, with two functions. */
function intentOf(model: string): PlacedIntent {
  const session = newSessionId(systemClock());
  const id = newTurnId(session, systemClock());
  const parameters = { type: 'object', properties: { place: { type: 'string' } } };
  const tool = (name: string) => ({ type: 'function' as const, name, parameters, strict: null });
  return {
    ...{ kind: 'placed', id, session, tenant: 'root' as Tenant, key: 'website', createdAt: systemClock() },
    ...{ dialect: 'chat', vocabulary: 'openai-chat', model, fallbacks: [], extra: {}, metadata: {} },
    input: [
      message('system', WORDS),
      message('user', WORDS),
      message('assistant', WORDS),
      message('user', WORDS),
    ],
    settings: { max_output_tokens: 500, tools: [tool('find_trains'), tool('find_hotels')] },
    ...{ state: { kind: 'none' }, retention: 'none', delivery: 'stream', defaultContext: 'truncate' },
    policy: { onDisconnect: 'cancel', whenBusy: 'wait', whenDown: 'fail', whenBroken: 'fail' },
    position: { parent: null, branchTokens: 0, inputTokens: 0, digest: EMPTY_DIGEST },
  };
}
