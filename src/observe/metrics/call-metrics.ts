import type { GatewayEvent } from '../../core/events.ts';
import type { TimedCall } from '../../core/timeline.ts';
import type { Registry } from './registry.ts';
import { WAITS } from './registry.ts';

/** Tokens per second. */
const SPEEDS = [5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1_000];

/** Shorter answers say too little about the speed. */
const SPEED_FROM = { tokens: 10, ms: 50 };

const claw = ['provider', 'model'] as const;

const callMetrics = (registry: Registry) => ({
  calls: registry.counter(
    'clawhold_calls_total',
    'Calls of models. The code is ok, stopped, or that of the error.',
    ...claw,
    'code',
  ),
  callSeconds: registry.histogram(
    'clawhold_call_duration_seconds',
    'Time of a call that ended well.',
    WAITS,
    ...claw,
  ),
  callFirstTokenSeconds: registry.histogram(
    'clawhold_call_time_to_first_token_seconds',
    'Time from a call of a model to the first token of its stream.',
    WAITS,
    ...claw,
  ),
  callSpeed: registry.histogram(
    'clawhold_call_output_tokens_per_second',
    'Speed of a streamed answer from its first token on.',
    SPEEDS,
    ...claw,
  ),
  callWaitSeconds: registry.histogram(
    'clawhold_call_wait_seconds',
    'How long calls waited because as many as allowed ran at the provider; without those that did not wait.',
    WAITS,
    'provider',
  ),
  retries: registry.counter(
    'clawhold_retries_total',
    'Calls that failed and were repeated.',
    ...claw,
    'code',
  ),
  fallbacks: registry.counter(
    'clawhold_fallbacks_total',
    'Calls that failed, after which another model was called.',
    ...claw,
    'code',
  ),
  hedges: registry.counter(
    'clawhold_hedges_total',
    'Slow calls beside which another model was called.',
    ...claw,
  ),
});

/** The counts and distributions about calls of models. */
export class CallMetrics {
  private readonly metrics: ReturnType<typeof callMetrics>;

  constructor(registry: Registry) {
    this.metrics = callMetrics(registry);
  }

  listen(event: GatewayEvent): void {
    switch (event.type) {
      case 'call-ended':
        this.call(event.call);
        break;
      case 'call-failed':
        this.failure(event);
        break;
      case 'call-hedged':
        this.metrics.hedges.add(1, event.candidate.provider, event.candidate.model);
        break;
    }
  }

  private call({ candidate, how, code, usage, ...times }: TimedCall): void {
    const { provider, model } = candidate;
    const { askedAt, from, to, firstTokenAt, isStreamed } = times;
    this.metrics.calls.add(1, provider, model, how === 'whole' ? 'ok' : (code ?? 'stopped'));
    if (from > askedAt) this.metrics.callWaitSeconds.observe((from - askedAt) / 1_000, provider);
    if (isStreamed && firstTokenAt !== undefined)
      this.metrics.callFirstTokenSeconds.observe((firstTokenAt - from) / 1_000, provider, model);
    if (how !== 'whole') return;
    this.metrics.callSeconds.observe((to - from) / 1_000, provider, model);
    if (!usage || !isStreamed || firstTokenAt === undefined) return;
    const ms = to - firstTokenAt;
    if (usage.output < SPEED_FROM.tokens || ms < SPEED_FROM.ms) return;
    this.metrics.callSpeed.observe((usage.output * 1_000) / ms, provider, model);
  }

  private failure({
    candidate: { provider, model },
    code,
    next,
  }: Extract<GatewayEvent, { type: 'call-failed' }>): void {
    if (next === 'retry') this.metrics.retries.add(1, provider, model, code);
    else if (next === 'next-candidate') this.metrics.fallbacks.add(1, provider, model, code);
  }
}
