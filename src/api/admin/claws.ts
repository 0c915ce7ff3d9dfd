import { candidateKey } from '../../core/candidate.ts';
import type { Service } from '../../core/directory.ts';
import { Fault, faultOf } from '../../core/errors.ts';
import { userMessage } from '../../core/items.ts';
import type { Quota } from '../../core/quota.ts';
import type { Caller } from '../../core/request.ts';
import type { Ask } from '../../core/turn.ts';
import type { Price } from '../../core/usage.ts';
import { HOUR_MS, percentile } from '../../core/usage-sums.ts';
import type { Health } from '../../routing/health.ts';
import { notTurnedOn } from '../../routing/resolve.ts';
import type { SurveyStore, UsageRow } from '../../session/survey-store.ts';
import type { TurnPath } from '../../turn/path.ts';
import { createTurn } from '../../turn/run.ts';
import { freshened } from './fresh.ts';
import type { CallFailures, Watch } from './watch.ts';

/** What is known of one model of a claw, of those that were called since the start of this process. */
export interface ModelHealth {
  /** `provider/model`, and `@instance` where there are several. */
  name: string;
  model: string;
  breaker: 'closed' | 'open' | 'half-open';
  breakerReason?: string;
  /** Until a call is let through, in milliseconds; 0 where it is now. */
  availableInMs: number;
  inFlight: number;
  /** Averages of the latest calls. */
  firstTokenMs?: number;
  firstTokenP95Ms?: number;
  tokensPerSecond?: number;
  quota?: Quota;
  failures?: CallFailures;
}

/** A claw: a provider, or one of its instances. */
export interface ClawFacts {
  name: string;
  provider: string;
  instance?: string;
  protocols: readonly string[];
  isOn: boolean;
  /** What to set, where it is off. */
  turnOnWith?: string;
  region?: string;
  /** `ill`: a breaker is open, or the provider asked for a pause. `weak`: a breaker is half-open, or calls failed lately. */
  health: 'well' | 'weak' | 'ill' | 'off' | 'unused';
  models: ModelHealth[];
  /** Of the last 24 hours. */
  day?: DaySums;
}

/** What a claw did in 24 hours. Times in milliseconds, money in nanodollars. */
export interface DaySums {
  turns: number;
  failed: number;
  cost: number;
  p50?: number;
  p95?: number;
  p99?: number;
  firstP50?: number;
  firstP95?: number;
  firstP99?: number;
}

/** What is known of a model that can be called. */
export interface ModelFacts {
  name: string;
  contextLimit?: number;
  outputLimit?: number;
  price?: Price;
  reasons?: boolean;
  tools?: boolean;
  inputs?: readonly string[];
}

/** How the test of a claw went. */
export interface ClawTest {
  ok: boolean;
  model: string;
  ms: number;
  firstDeltaMs?: number;
  code?: string;
  message?: string;
  cost?: number;
}

const TEST_TOKENS = 16;

/** What operators may know and do about claws. */
export class AdminClaws {
  constructor(
    private readonly path: TurnPath,
    private readonly survey: SurveyStore,
    private readonly watch: Watch,
  ) {}

  async list(): Promise<ClawFacts[]> {
    const known = this.path.health.all();
    const days = new Map((await this.lastDay()).map((row) => [row.labels.claw!, row]));
    return this.path.directory.services().flatMap((service) => {
      const instances = service.instances.length > 0 ? service.instances : [{ name: undefined, weight: 1 }];
      return instances.map(({ name: instance }) => {
        const own = known.filter(
          ({ candidate }) => candidate.provider === service.provider && candidate.instance === instance,
        );
        const name = instance === undefined ? service.provider : `${service.provider}@${instance}`;
        return this.facts(service, instance, name, own, days.get(name));
      });
    });
  }

  /** The models that can be called, with their prices. */
  models(): ModelFacts[] {
    const { directory } = this.path;
    return directory.names().map((name) => {
      const slash = name.indexOf('/');
      if (slash === -1) return { name };
      const limits = directory.limits(name.slice(0, slash), name.slice(slash + 1));
      const { contextLimit, outputLimit, price, reasons, tools, inputs } = limits;
      return { name, contextLimit, outputLimit, price, reasons, tools, inputs };
    });
  }

  /** Asks a model for a few tokens. Nothing is kept. A failure of the call is a result, not an error. */
  async test(caller: Caller, claw: string, model: string | undefined, gone: AbortSignal): Promise<ClawTest> {
    const provider = claw.split('@')[0]!;
    const service = this.path.directory.service(provider);
    if (!service) throw new Fault('claw_not_found', `There is no claw "${claw}".`);
    const asked = model ?? this.cheapest(service);
    if (!service.ready) throw notTurnedOn(service);
    if (asked === undefined)
      throw new Fault('invalid_request', `Name a model of "${provider}" to test.`, { param: 'model' });
    const startedAt = performance.now();
    const name = `${service.provider}/${asked}`;
    try {
      const { result } = await createTurn({ ask: testAsk(name, caller), caller, gone }, this.path);
      await result.begun;
      const { receipt, cost, error } = await result.ended;
      const ms = Math.round(performance.now() - startedAt);
      if (error) return { ok: false, model: name, ms, code: error.code, message: error.message };
      return { ok: true, model: name, ms, firstDeltaMs: receipt?.firstDeltaMs, cost };
    } catch (error) {
      const { code, message } = faultOf(error);
      return { ok: false, model: name, ms: Math.round(performance.now() - startedAt), code, message };
    }
  }

  private facts(
    service: Service,
    instance: string | undefined,
    name: string,
    known: readonly Health[],
    day: UsageRow | undefined,
  ): ClawFacts {
    const models = known.map((health) => this.modelHealth(health));
    return {
      ...{ name, provider: service.provider, protocols: service.protocols, isOn: service.ready, models },
      ...(instance !== undefined && { instance }),
      ...(service.turnOnWith !== undefined && { turnOnWith: service.turnOnWith }),
      ...(service.region !== undefined && { region: service.region }),
      health: service.ready ? healthOf(models, known) : 'off',
      ...(day && { day: daySums(day) }),
    };
  }

  private modelHealth(health: Health): ModelHealth {
    const { candidate, breaker, quota, inFlight } = health;
    const name = candidateKey(candidate);
    return {
      ...{ name, model: candidate.model, availableInMs: Math.ceil(health.availableInMs), inFlight },
      breaker: breaker.is === 'open' && breaker.waitMs === 0 ? 'half-open' : breaker.is,
      breakerReason: breaker.reason,
      firstTokenMs: health.firstTokenMs,
      firstTokenP95Ms: health.firstTokenP95Ms,
      tokensPerSecond: health.tokensPerSecond,
      quota,
      failures: this.watch.failuresOf(name),
    };
  }

  private async lastDay(): Promise<UsageRow[]> {
    await freshened(this.survey);
    const untilHour = Math.floor(this.path.clock() / HOUR_MS) + 1;
    return this.survey.usage({ fromHour: untilHour - 24, untilHour, where: {}, by: ['claw'] });
  }

  private cheapest({ provider }: Service): string | undefined {
    const { directory } = this.path;
    const prefix = `${provider}/`;
    const models = directory
      .names()
      .flatMap((name) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []));
    const priceOf = (model: string) =>
      directory.limits(provider, model).price?.output ?? Number.POSITIVE_INFINITY;
    return models.sort((a, b) => priceOf(a) - priceOf(b))[0];
  }
}

function healthOf(models: readonly ModelHealth[], known: readonly Health[]): ClawFacts['health'] {
  if (models.length === 0) return 'unused';
  if (models.some(({ breaker, availableInMs }) => breaker === 'open' || availableInMs > 0)) return 'ill';
  if (models.some(({ breaker }) => breaker === 'half-open') || known.some(({ hasFailed }) => hasFailed))
    return 'weak';
  return 'well';
}

function daySums({ turns, failed, cost, total, first }: UsageRow): DaySums {
  return {
    ...{
      turns,
      failed,
      cost,
      p50: percentile(total, 0.5),
      p95: percentile(total, 0.95),
      p99: percentile(total, 0.99),
    },
    ...{
      firstP50: percentile(first, 0.5),
      firstP95: percentile(first, 0.95),
      firstP99: percentile(first, 0.99),
    },
  };
}

function testAsk(model: string, { policy }: Caller): Ask {
  return {
    dialect: 'responses',
    vocabulary: 'openai-responses',
    model,
    fallbacks: [],
    input: [userMessage('Say OK.')],
    settings: { max_output_tokens: TEST_TOKENS },
    extra: {},
    metadata: {},
    state: { kind: 'none' },
    retention: 'none',
    delivery: 'whole',
    defaultContext: 'truncate',
    policy: { ...policy, whenBroken: 'fail', whenDown: 'fail' },
  };
}
