import type { Clock } from '../../core/clock.ts';
import { Fault } from '../../core/errors.ts';
import type { Once, RequestIdentity, Tenant } from '../../core/request.ts';
import type { Claim, ClaimStore } from '../../session/claim-store.ts';
import type { Members } from '../../session/members.ts';

/** Milliseconds within which SDKs retry a request by themselves. */
const RETRIED_WITHIN_MS = 10 * 60_000;
/** Fingerprints that are remembered in memory; the store knows those of turns that were kept. */
const REMEMBERED = 4_000;
/** How often, in milliseconds, and how many times to look for a result that another process has claimed. */
const PAUSE_MS = 50;
const PAUSES = 40;
/** How long a retry without a key waits for other workers that cannot be asked, in milliseconds. */
const UNASKED_FOR_MS = 1_000;

/** What a request does: it creates a turn, or changes a session. */
export interface Operation<Result> {
  /**
   * Runs the operation. `claim` is called once with the id of what is about to be created, before
   * anything is done that must not be done twice.
   */
  run(claim: (target: string) => Promise<void>): Promise<Result>;
  /**
   * The result of an earlier run under this id; `undefined` where there is none to return again.
   * Without `elsewhere`, a result that another process is still working on does not count.
   */
  find(target: string, elsewhere: boolean): Promise<Result | undefined>;
}

interface Remembered {
  at: number;
  /** Present while the operation is running. */
  running?: Promise<unknown>;
  target?: string;
}

/** What `Idempotency` works with. */
export interface IdempotencyParts {
  claims: ClaimStore;
  members: Members;
  clock: Clock;
  /** Milliseconds that idempotency keys are kept. */
  retentionMs: number;
  /** Takes over the turns of dead processes (`turn/start/recover.ts`). Resolves when they can be found here. */
  takeOver(): Promise<unknown>;
  /**
   * The target of a request that another worker of this gateway runs, or has run lately (its `targetOf`); `place` is
   * the request's tenant and fingerprint, as `Idempotency` writes them. The others take over the turns of dead
   * processes before they answer (`targetOf`). Rejects with `store_unavailable` where one of them cannot be asked.
   * Absent: there is no other worker.
   */
  findElsewhere?(place: string): Promise<string | undefined>;
}

/** Another request has claimed the same key first. */
class Overtaken extends Error {}

/** Makes sure that a request that is sent again is not executed again. */
export class Idempotency {
  private readonly running = new Map<string, { fingerprint: string; once: Promise<Once<unknown>> }>();
  private readonly recent = new Map<string, Remembered>();
  private retentionMs: number;
  /** This process stops: what begins to run from now on is noted for other processes too. */
  private stopping = false;

  constructor(private readonly parts: IdempotencyParts) {
    this.retentionMs = parts.retentionMs;
  }

  reconfigure({ retentionMs }: Pick<IdempotencyParts, 'retentionMs'>): void {
    this.retentionMs = retentionMs;
  }

  /** Runs the operation, or finds the result of an earlier request with the same identity. */
  runOnce<Result>(
    identity: RequestIdentity | undefined,
    tenant: Tenant,
    operation: Operation<Result>,
  ): Promise<Once<Result>> {
    if (!identity) return fresh(operation.run(async () => {}));
    if (identity.key === undefined) return this.withoutKey(identity, tenant, operation);
    const key = `${identity.route}\n${identity.key}`;
    const place = `${tenant}\n${key}`;
    const first = this.running.get(place);
    if (first) {
      if (first.fingerprint !== identity.fingerprint) return Promise.reject(reused());
      return first.once.then(({ result }) => ({ result: result as Result, replayed: true }));
    }
    const once = this.withKey(key, identity.fingerprint, tenant, operation);
    this.running.set(place, { fingerprint: identity.fingerprint, once });
    const done = () => this.running.delete(place);
    once.then(done, done);
    return once;
  }

  /** Remembers a turn of a process that has died: the client may retry its request here. */
  remember(tenant: Tenant, fingerprint: string, target: string): void {
    const place = `${tenant}\n${fingerprint}`;
    this.keep(place, { at: this.parts.clock(), target });
    // A takeover that began before the stop ends after it. Where the store fails, a retry is not recognised.
    if (this.stopping) this.leave(place, target).catch(() => {});
  }

  /**
   * For another worker: what a request without a key has created that this process runs, or has run lately. `place`
   * is what `findElsewhere` got.
   */
  async targetOf(place: string): Promise<string | undefined> {
    await this.parts.takeOver();
    const known = this.recent.get(place);
    await known?.running;
    return known?.target;
  }

  /**
   * This process stops, and its turns still run: a retry that another process gets, which cannot ask this one, finds
   * them, and also those that begin from now on. `isRunning` says whether a target is a turn that runs. Rejects with
   * `store_unavailable`.
   */
  async handOver(isRunning: (target: string) => boolean): Promise<void> {
    this.stopping = true;
    const left = [...this.recent].map(async ([place, { target, running }]) => {
      if (target !== undefined && (running || isRunning(target))) await this.leave(place, target);
    });
    await Promise.all(left);
  }

  /** Forgets what is older than the retention; to be called every few minutes. */
  async sweep(): Promise<void> {
    const now = this.parts.clock();
    for (const [place, { at }] of this.recent) {
      if (at > now - RETRIED_WITHIN_MS) break;
      this.recent.delete(place);
    }
    await this.parts.claims.forgetRequests({
      claimsMs: this.retentionMs,
      fingerprintsMs: RETRIED_WITHIN_MS,
    });
  }

  private async withKey<Result>(
    key: string,
    fingerprint: string,
    tenant: Tenant,
    { run, find }: Operation<Result>,
  ): Promise<Once<Result>> {
    const { claims, members } = this.parts;
    for (let tries = 0; tries < PAUSES; tries++) {
      const earlier = await claims.findClaim(tenant, key, this.retentionMs);
      if (earlier) {
        if (earlier.fingerprint !== fingerprint) throw reused();
        const isElsewhere = await this.isElsewhere(earlier);
        const found = await find(earlier.target, isElsewhere);
        const result = found ?? (isElsewhere ? undefined : await this.findLeft(earlier, find));
        if (result !== undefined) return { result, replayed: true };
        if (isElsewhere) {
          await Bun.sleep(PAUSE_MS);
          continue;
        }
      }
      try {
        return await fresh(
          run(async (target) => {
            const claim = { key, fingerprint, target, holder: members.self };
            const replaceable = { over: earlier, olderThanMs: this.retentionMs };
            const inForce = await claims.claim(tenant, claim, replaceable);
            if (inForce.target !== target) throw new Overtaken();
          }),
        );
      } catch (error) {
        if (!(error instanceof Overtaken)) throw error;
      }
    }
    throw new Fault('idempotency_key_in_use', 'The first request with this key has not been answered yet.', {
      retryAfter: 2,
    });
  }

  /**
   * Whether another process holds a claim and works on it. A process that is frozen does not: its claim expires,
   * as its leases do.
   */
  private async isElsewhere({ holder }: Claim): Promise<boolean> {
    return holder !== this.parts.members.self && (await this.parts.members.isActive(holder));
  }

  /** The result of a claim whose process has died: the journal may have it. */
  private async findLeft<Result>(claim: Claim, find: Operation<Result>['find']): Promise<Result | undefined> {
    const { members, takeOver } = this.parts;
    // A frozen process goes on with its turn later.
    if (claim.holder === members.self || (await members.isFrozen(claim.holder))) return undefined;
    await takeOver();
    // Another process may have been faster: it runs the turn of the dead one, or is about to.
    return find(claim.target, true);
  }

  /** Without a key, a request counts as a retry only if its client says so. */
  private async withoutKey<Result>(
    { fingerprint, isRetry }: RequestIdentity,
    tenant: Tenant,
    { run, find }: Operation<Result>,
  ): Promise<Once<Result>> {
    const place = `${tenant}\n${fingerprint}`;
    if (isRetry) {
      const result = await this.findRetried(place, fingerprint, tenant, find);
      if (result !== undefined) return { result, replayed: true };
    }
    const remembered: Remembered = { at: this.parts.clock() };
    const running = run(async (target) => {
      remembered.target = target;
      if (this.stopping) await this.leave(place, target);
    });
    const done = () => {
      remembered.running = undefined;
    };
    remembered.running = running.then(done, done);
    this.keep(place, remembered);
    return fresh(running);
  }

  /**
   * What an earlier run of the same request has created. While other workers cannot be asked, it may be that one of
   * them runs the request: it has died a moment ago, so that its turns can be taken over soon, or all of them stop, and
   * note what they run (`handOver`).
   */
  private async findRetried<Result>(
    place: string,
    fingerprint: string,
    tenant: Tenant,
    find: Operation<Result>['find'],
  ): Promise<Result | undefined> {
    const until = performance.now() + UNASKED_FOR_MS;
    for (;;) {
      const { target, isCertain } = await this.retried(place, fingerprint, tenant);
      if (target !== undefined) return find(target, true);
      if (isCertain || performance.now() > until) return undefined;
      await Bun.sleep(PAUSE_MS);
    }
  }

  /** The target of a retried request. `isCertain`: where there is none, no other worker runs the request. */
  private async retried(
    place: string,
    fingerprint: string,
    tenant: Tenant,
  ): Promise<{ target?: string; isCertain: boolean }> {
    const { claims, findElsewhere, takeOver } = this.parts;
    const known = this.recent.get(place);
    // An operation that is still running has no target yet, or cannot be found by it.
    await known?.running;
    const earlier = known?.target ?? (await claims.findByFingerprint(tenant, fingerprint, RETRIED_WITHIN_MS));
    if (earlier !== undefined) return { target: earlier, isCertain: true };
    const [elsewhere] = await Promise.allSettled([findElsewhere?.(place)]);
    const isCertain = elsewhere.status === 'fulfilled';
    if (isCertain && elsewhere.value !== undefined) return { target: elsewhere.value, isCertain };
    // A process that has not answered because it is dead: its turns are here now, or with another one, to be asked again.
    await takeOver();
    const target =
      this.recent.get(place)?.target ??
      (await claims.findClaim(tenant, leftKey(fingerprint), RETRIED_WITHIN_MS))?.target;
    return { target, isCertain };
  }

  /** Notes in the store what a request without a key has created. An earlier process may have left an equal request. */
  private async leave(place: string, target: string): Promise<void> {
    const { claims, members } = this.parts;
    const [tenant, fingerprint] = place.split('\n', 2) as [Tenant, string];
    const claim = { key: leftKey(fingerprint), fingerprint, target, holder: members.self };
    await claims.claim(tenant, claim, { olderThanMs: 0 });
  }

  private keep(place: string, remembered: Remembered): void {
    this.recent.delete(place);
    this.recent.set(place, remembered);
    if (this.recent.size <= REMEMBERED) return;
    const [oldest] = this.recent.keys();
    this.recent.delete(oldest!);
  }
}

/** Where a process that stops leaves what a request without a key has created. Routes are not empty, so no key is equal. */
const leftKey = (fingerprint: string): string => `\n${fingerprint}`;

const fresh = async <Result>(result: Promise<Result>): Promise<Once<Result>> => ({
  result: await result,
  replayed: false,
});

const reused = (): Fault =>
  new Fault('idempotency_key_reused', 'This idempotency key was used for a request with another body.');
