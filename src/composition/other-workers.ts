import type { LiveElsewhere } from '../api/admin/live-elsewhere.ts';
import type { Config } from '../config/config.ts';
import { type Candidate, candidateKey } from '../core/candidate.ts';
import type { Channel } from '../core/channel.ts';
import { Fault } from '../core/errors.ts';
import type { Emit, WorkerEnd } from '../core/events.ts';
import type { Reload } from '../core/reload.ts';
import { type Reading, readingsOf, sumOf } from '../observe/metrics/gathered.ts';
import type { Metric } from '../observe/metrics/registry.ts';
import type { HealthNews } from '../routing/health.ts';
import type { SignIns } from '../security/sign-ins.ts';
import type { NamedSession } from '../session/sessions.ts';
import type { TurnPath } from '../turn/path.ts';
import { openLiveElsewhere } from './live-elsewhere.ts';

/** This process as one of the workers of a gateway. */
export interface WorkerPlace {
  /** To the supervisor. */
  channel: Channel;
  /** From 0. */
  place: number;
  count: number;
}

/** News of health are gathered for so many milliseconds. */
const NEWS_EVERY_MS = 50;
/** News of one candidate in that time; further measurements are left out. */
const MOST_NEWS = 64;
/** Longer than the supervisor waits for each of the others. */
const OTHERS_WITHIN_MS = 2_000;
const METRICS_WITHIN_MS = 2_000;

/** What is told of one candidate at once. */
interface ToldHealth {
  candidate: Candidate;
  news: HealthNews[];
}

/** What the other workers answer to one of them. */
export interface OthersAnswers<Answer> {
  answers: Answer[];
  /** Every other worker has answered. Not one that ends, starts, or does not answer in time. */
  isWhole: boolean;
}

interface ConnectedParts {
  signIns: Pick<SignIns, 'forget'>;
  turns: { path: Pick<TurnPath, 'idempotency' | 'sessions' | 'pasts'>; takeOver(): Promise<unknown> };
  /** Puts a configuration into effect. */
  apply(next: Config): Promise<void>;
  emit: Emit;
}

/** What a worker has in common with the other workers of its gateway, over the supervisor (`supervisor.ts`). */
export class OtherWorkers {
  private untold = new Map<string, ToldHealth>();

  /** For operators. */
  readonly live: LiveElsewhere;

  constructor(private readonly worker: WorkerPlace) {
    this.live = openLiveElsewhere(worker.channel, (what) => this.askOthers(what));
  }

  /** What is done once for a gateway is done by its first worker. */
  get isFirst(): boolean {
    return this.worker.place === 0;
  }

  /** The metrics of all workers together. Rejects with `store_unavailable` where the supervisor does not answer. */
  async gatherMetrics(): Promise<readonly Metric[]> {
    const readings = await this.worker.channel.ask<Reading[]>('metrics.gather', undefined, {
      withinMs: METRICS_WITHIN_MS,
    });
    return sumOf([readings]);
  }

  onMetrics(read: () => readonly Metric[]): void {
    this.worker.channel.on('metrics.read', () => readingsOf(read()));
  }

  /** This worker ends: what it has counted stays in the sums. */
  async leaveMetrics(metrics: readonly Metric[]): Promise<void> {
    const options = { withinMs: METRICS_WITHIN_MS };
    await this.worker.channel.ask('metrics.last', readingsOf(metrics), options).catch(() => {});
  }

  readonly tellHealth = (candidate: Candidate, news: HealthNews): void => {
    const key = candidateKey(candidate);
    const told = this.untold.get(key) ?? { candidate, news: [] };
    if (this.untold.size === 0) setTimeout(() => this.tellUntold(), NEWS_EVERY_MS).unref();
    this.untold.set(key, told);
    const isMeasurement = news.of !== 'breaker' && news.of !== 'hold-off';
    if (!isMeasurement || told.news.length < MOST_NEWS) told.news.push(news);
  };

  onHealth(learn: (candidate: Candidate, news: HealthNews) => void): void {
    this.worker.channel.on('health', (all: readonly ToldHealth[]) => {
      for (const { candidate, news } of all) for (const one of news) learn(candidate, one);
    });
  }

  /** Rejects with `store_unavailable` where one that may run the request does not answer. */
  readonly findRequest = async (place: string): Promise<string | undefined> => {
    const { answers, isWhole } = await this.ask<string | undefined>('requests.target', place);
    // At most one worker runs a request.
    const target = answers.find((answer) => answer !== undefined);
    if (target === undefined && !isWhole)
      throw new Fault('store_unavailable', 'Another process of this gateway did not answer.', {
        retryAfter: 1,
      });
    return target;
  };

  /** Resolves when the others have forgotten what they remember of a session, or do not answer in time. */
  readonly forgetSession = (session: NamedSession) => this.askOthers('session.forget', session);

  readonly tellSignOut = (token: string): void => this.worker.channel.tell('sign-out', token);

  /** From now on, this worker does what the supervisor and the other workers ask of it. */
  connect({ signIns, turns, apply, emit }: ConnectedParts): void {
    const { channel } = this.worker;
    channel.on('requests.target', (place: string) => turns.path.idempotency.targetOf(place));
    channel.on('session.forget', (session: NamedSession) => {
      turns.path.sessions.forgetHere(session);
      turns.path.pasts.drop({ tenant: session.tenant, session: session.id });
    });
    channel.on('sign-out', (token: string) => signIns.forget(token));
    // Another worker has died: its turns are taken over at once.
    channel.on('take-over', () => turns.takeOver());
    let taken = Promise.resolve();
    channel.on('configuration.take', (next: Config) => {
      const taking = taken.then(() => apply(next));
      taken = taking.catch(() => {});
      return taking;
    });
    channel.on('worker.ended', (end: WorkerEnd) => emit({ type: 'worker-ended', ...end }));
    channel.on('configuration.read', (result: Reload) => emit({ type: 'configuration-read', result }));
  }

  reload(): Promise<Reload> {
    return this.worker.channel.ask<Reload>('configuration.reload');
  }

  /** The port to listen on, once all workers may. */
  port(): Promise<number> {
    this.worker.channel.tell('opened');
    return this.worker.channel.ask<number>('port');
  }

  /** This worker's part of what a gateway may do at once. */
  partOf(config: Config): Config {
    const { count } = this.worker;
    const part = (all: number) => Math.ceil(all / count);
    const { bulkhead, claws, turns, limits } = config;
    return {
      ...config,
      bulkhead: { ...bulkhead, max: part(bulkhead.max), queue: part(bulkhead.queue) },
      claws: Object.fromEntries(
        Object.entries(claws).map(([name, claw]) => [
          name,
          claw.maxCalls === undefined ? claw : { ...claw, maxCalls: part(claw.maxCalls) },
        ]),
      ),
      turns: { ...turns, background: part(turns.background) },
      limits: { ...limits, backgroundQueue: part(limits.backgroundQueue) },
    };
  }

  /** Rejects with `store_unavailable` where the supervisor does not answer. */
  private ask<Answer>(what: string, value?: unknown): Promise<OthersAnswers<Answer>> {
    return this.worker.channel.ask('others', { what, value }, { withinMs: OTHERS_WITHIN_MS });
  }

  /** The answers of the other workers, without those that do not answer soon; none where the supervisor does not. */
  private async askOthers<Answer>(what: string, value?: unknown): Promise<Answer[]> {
    const asked = await this.ask<Answer>(what, value).catch(() => undefined);
    return asked?.answers ?? [];
  }

  private tellUntold(): void {
    const all = [...this.untold.values()];
    this.untold = new Map();
    this.worker.channel.tell('health', all);
  }
}
