import { Fault } from '../../core/errors.ts';
import type { GatewayEvent } from '../../core/events.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Step, Timeline } from '../../core/timeline.ts';
import { isKept } from '../../core/turn.ts';
import { dollars, type Usage } from '../../core/usage.ts';
import type { Registry } from './registry.ts';
import { WAITS, WORK } from './registry.ts';

const TOKENS = [1_000, 4_000, 16_000, 64_000, 128_000, 256_000, 1_000_000, 4_000_000];

type EventOf<Type extends GatewayEvent['type']> = Extract<GatewayEvent, { type: Type }>;

const claw = ['provider', 'model'] as const;

const turnMetrics = (registry: Registry) => ({
  requests: registry.counter(
    'clawhold_http_requests_total',
    'Requests that were answered.',
    'method',
    'route',
    'status',
  ),
  requestSeconds: registry.histogram(
    'clawhold_http_request_duration_seconds',
    'Time until the response was ready to send; a stream goes on after it.',
    WAITS,
    'route',
  ),
  turns: registry.counter(
    'clawhold_turns_total',
    'Turns that ended, by their state and the code of their error. Refused: the turn could not start. Lost: its outcome could not be recorded.',
    'state',
    'code',
  ),
  turnSeconds: registry.histogram(
    'clawhold_turn_duration_seconds',
    'Time from the request to the end of its turn.',
    WAITS,
  ),
  firstTokenSeconds: registry.histogram(
    'clawhold_time_to_first_token_seconds',
    'Time from the request to the first delta of a streamed answer.',
    WAITS,
    ...claw,
  ),
  ownSeconds: registry.histogram(
    'clawhold_turn_overhead_seconds',
    "The gateway's own part of the time of a turn: without calls of providers, pauses and waiting.",
    WORK,
  ),
  stepSeconds: registry.histogram(
    'clawhold_turn_step_duration_seconds',
    'Time of each step of a turn.',
    WORK,
    'step',
  ),
  deferred: registry.counter(
    'clawhold_turns_deferred_total',
    'How often turns waited because no provider could be reached.',
  ),
  rescues: registry.counter(
    'clawhold_rescues_total',
    'Answers that broke off by this error, and that this model continued or began again.',
    ...claw,
    'code',
  ),
  sessionTokens: registry.histogram(
    'clawhold_session_tokens',
    'Size of sessions in tokens, at each turn that is kept.',
    TOKENS,
  ),
});

const spendingMetrics = (registry: Registry) => ({
  tokens: registry.counter(
    'clawhold_tokens_total',
    'Tokens of ended turns by kind. Input has those of the prompt cache in it, output those of reasoning.',
    ...claw,
    'kind',
  ),
  cost: registry.counter('clawhold_cost_dollars_total', 'Cost of ended turns in US dollars.', ...claw),
  keyTokens: registry.counter(
    'clawhold_key_tokens_total',
    "Tokens of ended turns by the caller's key and by kind.",
    'key',
    'kind',
  ),
  keyCost: registry.counter(
    'clawhold_key_cost_dollars_total',
    "Cost of ended turns by the caller's key, in US dollars.",
    'key',
  ),
  droppedTokens: registry.counter(
    'clawhold_context_dropped_tokens_total',
    'Tokens of history that did not fit the model and were left out.',
    ...claw,
  ),
});

/** The counts and distributions about requests and turns, and what turns use. */
export class TurnMetrics {
  private readonly metrics: ReturnType<typeof turnMetrics>;
  private readonly spending: ReturnType<typeof spendingMetrics>;

  constructor(registry: Registry) {
    this.metrics = turnMetrics(registry);
    this.spending = spendingMetrics(registry);
  }

  listen(event: GatewayEvent): void {
    switch (event.type) {
      case 'request-ended':
        this.request(event);
        break;
      case 'turn-ended':
        this.turn(event);
        break;
      case 'turn-refused':
      case 'turn-lost':
        this.unanswered(event);
        break;
      case 'answer-rescued':
        this.metrics.rescues.add(1, event.candidate.provider, event.candidate.model, event.code);
        break;
      case 'turn-deferred':
        this.metrics.deferred.add(1);
        break;
      case 'context-truncated':
        this.spending.droppedTokens.add(event.droppedTokens, event.candidate.provider, event.candidate.model);
        break;
    }
  }

  private request({ method, route = 'none', status, durationMs }: EventOf<'request-ended'>): void {
    this.metrics.requests.add(1, METHODS.has(method) ? method : 'other', route, statusText(status));
    this.metrics.requestSeconds.observe(durationMs / 1_000, route);
  }

  private turn({ intent, outcome, timeline }: EventOf<'turn-ended'>): void {
    this.metrics.turns.add(1, outcome.state, outcome.error?.code ?? '');
    if (timeline)
      this.times(timeline, outcome, intent.kind !== 'append' && intent.delivery.endsWith('stream'));
    if (intent.kind === 'append') return;
    this.usage(outcome, intent.key);
    const { position, retention } = intent;
    if (position && isKept(retention))
      this.metrics.sessionTokens.observe(
        position.branchTokens + position.inputTokens + (outcome.usage?.output ?? 0),
      );
  }

  private unanswered({ type, failure, timeline }: EventOf<'turn-refused' | 'turn-lost'>): void {
    const state = type === 'turn-refused' ? 'refused' : 'lost';
    this.metrics.turns.add(1, state, failure instanceof Fault ? failure.code : 'internal_error');
    timeline.eachStep(this.step);
  }

  private readonly step = (step: Step, ms: number): void =>
    this.metrics.stepSeconds.observe(ms / 1_000, step);

  private times(timeline: Timeline, { answeredBy }: Outcome, isStreamed: boolean): void {
    const { startedAt, firstDeltaAt } = timeline;
    this.metrics.turnSeconds.observe((timeline.to - startedAt) / 1_000);
    this.metrics.ownSeconds.observe(timeline.ownMs / 1_000);
    timeline.eachStep(this.step);
    if (!isStreamed || firstDeltaAt === undefined || !answeredBy) return;
    const { provider, calledModel, model } = answeredBy;
    this.metrics.firstTokenSeconds.observe(
      (firstDeltaAt - startedAt) / 1_000,
      provider,
      calledModel ?? model,
    );
  }

  /** Several calls may have made the answer: each one is counted for its own model. */
  private usage({ attempts, answeredBy, usage, cost }: Outcome, key: string): void {
    if (attempts) {
      for (const { provider, model, usage: own, cost: ownCost } of attempts) {
        this.spend(own, provider, model, key);
        if (ownCost !== undefined) this.spending.cost.add(dollars(ownCost), provider, model);
      }
    } else if (answeredBy && usage) {
      const { provider, calledModel, model } = answeredBy;
      this.spend(usage, provider, calledModel ?? model, key);
      if (cost !== undefined) this.spending.cost.add(dollars(cost), provider, calledModel ?? model);
    }
    if (cost !== undefined) this.spending.keyCost.add(dollars(cost), key);
  }

  private spend(usage: Usage, provider: string, model: string, key: string): void {
    this.spending.tokens.add(usage.input, provider, model, 'input');
    this.spending.tokens.add(usage.output, provider, model, 'output');
    this.spending.keyTokens.add(usage.input, key, 'input');
    this.spending.keyTokens.add(usage.output, key, 'output');
    if (usage.cacheRead > 0) this.spending.tokens.add(usage.cacheRead, provider, model, 'cache_read');
    if (usage.cacheWrite > 0) this.spending.tokens.add(usage.cacheWrite, provider, model, 'cache_write');
    if (usage.reasoning > 0) this.spending.tokens.add(usage.reasoning, provider, model, 'reasoning');
  }
}

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

const STATUS_TEXTS = Array.from({ length: 600 }, (_, status) => String(status));

const statusText = (status: number): string => STATUS_TEXTS[status] ?? 'other';
