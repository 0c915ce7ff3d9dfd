import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Tenant } from '../core/turn.ts';
import type { Journal } from '../session/journal.ts';
import type { Claim, SessionStore } from '../session/store.ts';
import type { RequestIdentity } from './ask.ts';

/** Milliseconds in which an SDK that repeats a request by itself does so. */
const REPEATED_WITHIN = 10 * 60_000;
/** Fingerprints that are remembered here; the store knows those of turns that were kept. */
const REMEMBERED = 4_000;
/** How often, and how many times, to ask for what another process has claimed and not yet begun. */
const PAUSE = 50;
const PAUSES = 40;

/** Something that a request makes: a turn, or a change of a session. */
export interface Making<Made> {
  /**
   * Makes it. `claim` is called once with the id of what is about to be made, before anything is done that
   * must not be done twice.
   */
  make(claim: (target: string) => Promise<void>): Promise<Made>;
  /** What was made before under this id; `undefined` where nothing came of it that could be given again. */
  find(target: string): Promise<Made | undefined>;
}

export interface Once<Made> {
  made: Made;
  /** It was made by an earlier request. */
  replayed: boolean;
}

interface Remembered {
  at: number;
  /** Until it is made. */
  making?: Promise<unknown>;
  target?: string;
}

export interface RepeatsParts {
  store: Pick<SessionStore, 'claim' | 'findClaim' | 'findRepeated' | 'forgetRequests'>;
  journal: Pick<Journal, 'instance' | 'isAlive'>;
  clock: Clock;
  /** Milliseconds that idempotency keys are kept. */
  retention: number;
  /** Takes over what dead processes left (`turn/recover.ts`). */
  takeOver(): Promise<unknown>;
}

/** Another request with the same key was faster. */
class Overtaken extends Error {}

/** Sees to it that a request that is sent again is not executed again. */
export class Repeats {
  private readonly underway = new Map<string, { fingerprint: string; once: Promise<Once<unknown>> }>();
  private readonly recent = new Map<string, Remembered>();

  constructor(private readonly parts: RepeatsParts) {}

  /** Makes what is asked for, or finds what an earlier request with the same identity has made. */
  once<Made>(
    identity: RequestIdentity | undefined,
    tenant: Tenant,
    making: Making<Made>,
  ): Promise<Once<Made>> {
    if (!identity) return fresh(making.make(async () => {}));
    if (identity.key === undefined) return this.unkeyed(identity, tenant, making);
    const key = `${identity.route}\n${identity.key}`;
    const place = `${tenant}\n${key}`;
    const first = this.underway.get(place);
    if (first) {
      if (first.fingerprint !== identity.fingerprint) return Promise.reject(reused());
      return first.once.then(({ made }) => ({ made: made as Made, replayed: true }));
    }
    const once = this.keyed(key, identity.fingerprint, tenant, making);
    this.underway.set(place, { fingerprint: identity.fingerprint, once });
    const done = () => this.underway.delete(place);
    once.then(done, done);
    return once;
  }

  /** A turn that was begun by a process that has died: its client may send its request again here. */
  recall(tenant: Tenant, fingerprint: string, target: string): void {
    this.remember(`${tenant}\n${fingerprint}`, { at: this.parts.clock(), target });
  }

  /** Forgets what is older than the retention; to be called every few minutes. */
  async sweep(): Promise<void> {
    const now = this.parts.clock();
    for (const [place, { at }] of this.recent) {
      if (at > now - REPEATED_WITHIN) break;
      this.recent.delete(place);
    }
    await this.parts.store.forgetRequests(now - this.parts.retention, now - REPEATED_WITHIN);
  }

  private async keyed<Made>(
    key: string,
    fingerprint: string,
    tenant: Tenant,
    { make, find }: Making<Made>,
  ): Promise<Once<Made>> {
    const { store, journal, clock } = this.parts;
    for (let tries = 0; tries < PAUSES; tries++) {
      const stands = await store.findClaim(tenant, key);
      if (stands && stands.createdAt > clock() - this.parts.retention) {
        if (stands.fingerprint !== fingerprint) throw reused();
        const made = (await find(stands.target)) ?? (await this.findLeft(stands, find));
        if (made !== undefined) return { made, replayed: true };
        if (await this.isElsewhere(stands)) {
          await Bun.sleep(PAUSE);
          continue;
        }
      }
      try {
        return await fresh(
          make(async (target) => {
            const claim = { key, fingerprint, target, holder: journal.instance, createdAt: clock() };
            if ((await store.claim(tenant, claim, stands)).target !== target) throw new Overtaken();
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

  /** Whether another process holds a claim and may still act on it. */
  private async isElsewhere({ holder }: Claim): Promise<boolean> {
    return holder !== this.parts.journal.instance && (await this.parts.journal.isAlive(holder));
  }

  /** What a process that died after its claim has left in its journal. */
  private async findLeft<Made>(claim: Claim, find: Making<Made>['find']): Promise<Made | undefined> {
    if (claim.holder === this.parts.journal.instance || (await this.isElsewhere(claim))) return undefined;
    await this.parts.takeOver();
    return find(claim.target);
  }

  /** Without a key, only a client that says that it repeats a request is taken to do so. */
  private async unkeyed<Made>(
    { fingerprint, repeated }: RequestIdentity,
    tenant: Tenant,
    { make, find }: Making<Made>,
  ): Promise<Once<Made>> {
    const place = `${tenant}\n${fingerprint}`;
    if (repeated) {
      const made = await this.repeated(place, fingerprint, tenant, find);
      if (made !== undefined) return { made, replayed: true };
    }
    const remembered: Remembered = { at: this.parts.clock() };
    const making = make(async (target) => {
      remembered.target = target;
    });
    const made = () => {
      remembered.making = undefined;
    };
    remembered.making = making.then(made, made);
    this.remember(place, remembered);
    return fresh(making);
  }

  private async repeated<Made>(
    place: string,
    fingerprint: string,
    tenant: Tenant,
    find: Making<Made>['find'],
  ): Promise<Made | undefined> {
    const known = this.recent.get(place);
    // One that is still on its way has no target yet, or cannot be found by it.
    await known?.making;
    const since = this.parts.clock() - REPEATED_WITHIN;
    const target = known?.target ?? (await this.parts.store.findRepeated(tenant, fingerprint, since));
    return target === undefined ? undefined : find(target);
  }

  private remember(place: string, remembered: Remembered): void {
    this.recent.delete(place);
    this.recent.set(place, remembered);
    if (this.recent.size <= REMEMBERED) return;
    const [oldest] = this.recent.keys();
    this.recent.delete(oldest!);
  }
}

const fresh = async <Made>(made: Promise<Made>): Promise<Once<Made>> => ({
  made: await made,
  replayed: false,
});

const reused = (): Fault =>
  new Fault('idempotency_key_reused', 'This idempotency key was used for a request with another body.');
