import type { Candidate } from '../src/core/candidate.ts';
import type { Emit, GatewayEvent } from '../src/core/events.ts';
import { newSessionId, newTurnId } from '../src/core/ids.ts';
import type { Outcome } from '../src/core/outcome.ts';
import type { Tenant } from '../src/core/request.ts';
import { type TimedCall, Timeline } from '../src/core/timeline.ts';
import type { TraceContext } from '../src/core/trace-context.ts';
import type { PlacedIntent } from '../src/core/turn.ts';
import { nanoDollars } from '../src/core/usage.ts';
import { LogLines } from '../src/observe/log-lines.ts';
import type { GatewayFacts } from '../src/observe/metrics/gateway-facts.ts';
import { gatewayMetrics } from '../src/observe/metrics/gateway-metrics.ts';
import { Tracer } from '../src/observe/traces/tracer.ts';
import type { Bench, Figure, Row, RowResult } from './row.ts';
import { spread } from './statistics.ts';

/** The share of traces that are sent where the configuration says nothing else. */
const SAMPLE = 0.01;
const LIMIT = 8;
const AT_ONCE = 200;

/** What the listeners cost for a request and its turn, beside the log. */
export const observe: Row = {
  key: 'k',
  title: 'Metrics and traces of a request, in one process',
  async measure({ effort }: Bench): Promise<RowResult> {
    const ms = effort.ms / 5;
    const events = () => void turn(undefined);
    const floor = measured(events, effort.rounds, ms);
    const above = (work: () => void) =>
      measured(work, effort.rounds, ms).map((value, round) => value - floor[round]!);
    const { listen } = gatewayMetrics({} as GatewayFacts);
    const some = tracing(SAMPLE);
    const every = tracing(1);
    const { listen: both } = gatewayMetrics({} as GatewayFacts);
    const lines = new LogLines('info', () => {});
    const figures: Figure[] = [
      { what: 'Events and times of a turn', value: spread(floor), unit: 'µs' },
      { what: 'Metrics', value: spread(above(() => tell(turn(undefined), listen))), unit: 'µs' },
      { what: 'Traces, 1 % of them sent', value: spread(above(some)), unit: 'µs' },
      { what: 'Traces, all of them sent', value: spread(above(every)), unit: 'µs' },
      {
        what: 'A line of the log',
        value: spread(measured(() => lines.info(LINE, 'request'), effort.rounds, ms)),
        unit: 'µs',
      },
      {
        what: 'Metrics and traces together, with the events',
        value: spread(
          measured(
            () => {
              const trace = SAMPLED.begin(NO_CALLER);
              const told = turn(trace);
              tell(told, both);
              tell(told, SAMPLED.listen);
            },
            effort.rounds,
            ms,
          ),
        ),
        unit: 'µs',
        budget: { limit: LIMIT, is: 'at most' },
      },
    ];
    return {
      figures,
      notes: ['A stateless turn with one call. Spans are counted up to their text; sending is not.'],
    };
  },
};

const NO_CALLER = { parent: null, state: null };
const settings = (sample: number) => () => ({ sample, slowMs: 30_000, content: false });
const SAMPLED = new Tracer(settings(SAMPLE), () => {});
const LINE = {
  requestId: 'req_AaIjLWO5d',
  method: 'POST',
  path: '/v1/responses',
  status: 200,
  durationMs: 4.2,
  key: 'root',
};

function tracing(sample: number): () => void {
  const tracer = new Tracer(settings(sample), () => {});
  return () => tell(turn(tracer.begin(NO_CALLER)), tracer.listen);
}

function tell(events: readonly GatewayEvent[], listen: Emit): void {
  for (const event of events) listen(event);
}

/** CPU microseconds of one run, for each round. */
function measured(work: () => void, rounds: number, ms: number): number[] {
  const round = () => {
    const startedAt = performance.now();
    const before = process.cpuUsage();
    let runs = 0;
    for (; performance.now() - startedAt < ms; runs += AT_ONCE)
      for (let run = 0; run < AT_ONCE; run++) work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / runs;
  };
  round();
  return Array.from({ length: rounds }, round);
}

const CANDIDATE: Candidate = { provider: 'openai', protocol: 'openai-chat', model: 'gpt', key: 'openai/gpt' };
const USAGE = { input: 100, output: 20, cacheRead: 50, cacheWrite: 0, reasoning: 0 };
const SESSION = newSessionId(0);

/** The events of a request that has one turn with one call. */
function turn(trace: TraceContext | undefined): GatewayEvent[] {
  const timeline = new Timeline(performance.now());
  for (const step of ['receive', 'session', 'context', 'journal'] as const) timeline.end(step);
  const from = performance.now();
  timeline.callBegins(from);
  const call: TimedCall = {
    ...{ candidate: CANDIDATE, attempt: 1, askedAt: from, from, to: from + 1, isStreamed: false },
    ...{ how: 'whole', usage: USAGE },
  };
  timeline.callEnds(call);
  timeline.end('answer');
  timeline.end('commit');
  const intent = {
    ...{
      kind: 'placed',
      id: newTurnId(SESSION, 0),
      session: SESSION,
      tenant: 'default' as Tenant,
      createdAt: 0,
    },
    ...{
      key: 'root',
      model: 'openai/gpt',
      dialect: 'responses',
      delivery: 'whole',
      retention: 'none',
      settings: {},
    },
    ...{ input: [], requestId: LINE.requestId, trace },
  } as unknown as PlacedIntent;
  const outcome: Outcome = {
    ...{
      state: 'completed',
      completedAt: 5,
      output: [],
      finish: [],
      usage: USAGE,
      cost: nanoDollars(12_000),
    },
    answeredBy: { provider: 'openai', protocol: 'openai-chat', model: 'gpt' },
  };
  return [
    { type: 'turn-started', intent, startedBy: 'caller' },
    { type: 'call-started', trace: intent, candidate: CANDIDATE, attempt: 1 },
    { type: 'call-ended', trace: intent, call },
    { type: 'turn-ended', intent, outcome, timeline },
    { type: 'request-ended', ...LINE, route: LINE.path, startedAt: from, trace },
  ];
}
