import { Fault } from '../../../core/errors.ts';
import type { SessionId } from '../../../core/ids.ts';
import type { Tenant } from '../../../core/request.ts';
import type { UsageOfHour } from '../../../core/usage-sums.ts';
import type {
  SearchQuery,
  SessionFilter,
  SurveyPageQuery,
  SurveyStore,
  UsageQuery,
} from '../../../session/survey-store.ts';
import type { StartWorker } from '../store-thread.ts';
import type { SurveyCalls, SurveyReply, SurveyRequest } from './survey-protocol.ts';

interface Asked {
  resolve(value: unknown): void;
  reject(reason: Fault): void;
}

/** Where the survey is, and what else it needs. */
export interface SurveyParts {
  path: string;
  /** The file of the log that it is made from. */
  logPath: string;
  /** Whether it follows the log by itself. Otherwise, another process does, and this one only when it is asked. */
  follows: boolean;
  /** Starts a thread that runs `serveSurvey`. */
  start: StartWorker;
  /** Deletes changes of the log that the survey has seen. */
  forget(until: number): Promise<void>;
}

/** How often changes that the survey has seen are deleted from the log, in milliseconds. */
const FORGET_EVERY_MS = 60_000;

/**
 * The survey in an SQLite file of its own, beside that of the log. Its thread reads the log like any other reader, so
 * that no commit waits for it. Several processes may share one survey.
 */
export class SqliteSurvey implements SurveyStore {
  private readonly asked = new Map<number, Asked>();
  private readonly forgetting: ReturnType<typeof setInterval>;
  private worker: Worker | undefined;
  private connecting: Promise<Worker> | undefined;
  private number = 0;
  private closed = false;

  private constructor(private readonly parts: SurveyParts) {
    this.forgetting = setInterval(() => void this.forget().catch(() => {}), FORGET_EVERY_MS);
    this.forgetting.unref();
  }

  /** Nothing waits for the survey: what fails while it opens fails the first question. */
  static open(parts: SurveyParts): SqliteSurvey {
    const survey = new SqliteSurvey(parts);
    survey.connected().catch(() => {});
    return survey;
  }

  refresh(): Promise<void> {
    return this.call('refresh');
  }

  sessions(tenant: Tenant, filter: SessionFilter, page: SurveyPageQuery) {
    return this.call('sessions', tenant, filter, page);
  }

  session(tenant: Tenant, id: SessionId) {
    return this.call('session', tenant, id);
  }

  outline(tenant: Tenant, session: SessionId) {
    return this.call('outline', tenant, session);
  }

  search(tenant: Tenant, query: SearchQuery) {
    return this.call('search', tenant, query);
  }

  failures(tenant: Tenant, page: SurveyPageQuery) {
    return this.call('failures', tenant, page);
  }

  count(sums: readonly UsageOfHour[]): Promise<void> {
    return this.call('count', sums);
  }

  usage(query: UsageQuery) {
    return this.call('usage', query);
  }

  tenants(): Promise<Tenant[]> {
    return this.call('tenants');
  }

  rebuild(): Promise<void> {
    return this.call('rebuild');
  }

  async close(): Promise<void> {
    clearInterval(this.forgetting);
    if (this.closed) return;
    await this.call('close').catch(() => {});
    this.closed = true;
    this.worker?.terminate();
    this.worker = undefined;
  }

  private async forget(): Promise<void> {
    await this.parts.forget(await this.call('change'));
  }

  private connected(): Promise<Worker> {
    this.connecting ??= this.connect();
    return this.connecting;
  }

  private async connect(): Promise<Worker> {
    const worker = this.parts.start();
    worker.onmessage = ({ data }: MessageEvent<SurveyReply>) => this.receive(data);
    const died = (reason: string) => (worker === this.worker ? this.disconnect(reason) : undefined);
    worker.addEventListener('error', (event) => died(`its thread died: ${event.message}`));
    worker.addEventListener('close', () => died('its thread died'));
    this.worker = worker;
    const { path, logPath, follows } = this.parts;
    try {
      await this.send(worker, 'open', { path, logPath, follows });
      return worker;
    } catch (error) {
      worker.terminate();
      this.disconnect('it could not be opened');
      throw error;
    }
  }

  private async call<Name extends keyof SurveyCalls>(
    name: Name,
    ...args: Parameters<SurveyCalls[Name]>
  ): Promise<ReturnType<SurveyCalls[Name]>> {
    if (this.closed) throw unavailable('it is closed');
    return this.send(await this.connected(), name, ...args);
  }

  private send<Name extends keyof SurveyCalls>(
    worker: Worker,
    name: Name,
    ...args: Parameters<SurveyCalls[Name]>
  ): Promise<ReturnType<SurveyCalls[Name]>> {
    const number = ++this.number;
    return new Promise((resolve, reject) => {
      this.asked.set(number, { resolve: resolve as Asked['resolve'], reject });
      worker.postMessage({ number, name, args } satisfies SurveyRequest);
    });
  }

  private receive(reply: SurveyReply): void {
    const asked = this.asked.get(reply.number);
    this.asked.delete(reply.number);
    if ('failure' in reply) asked?.reject(unavailable(reply.failure));
    else asked?.resolve(reply.value);
  }

  private disconnect(reason: string): void {
    this.worker = undefined;
    this.connecting = undefined;
    for (const { reject } of this.asked.values()) reject(unavailable(reason));
    this.asked.clear();
  }
}

const unavailable = (reason: string): Fault =>
  new Fault('store_unavailable', `The survey of the sessions failed: ${reason}.`);
