import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { Tenant } from '../core/turn.ts';
import type { LeaseRequest, SessionStore } from './store.ts';

/** Milliseconds that a lease lasts, unless it is renewed, and how often it is. */
const LASTS = 30_000;
const RENEW_EVERY = 10_000;

/** The right to write to a session, from the store's lease to the end of its turn. */
export interface Lease {
  /** The fencing token: a commit under it fails once somebody else has the lease. */
  readonly token: number;
  /** Called when somebody else has taken the lease; what its turn does from then on cannot be committed. */
  onLost?: () => void;
  /** Ends it, once; `givenBack` says that a commit has given it back in the store already. */
  release(givenBack: boolean): void;
}

interface Held extends Lease {
  tenant: Tenant;
  session: SessionId;
  renewedAt: number;
}

export interface LeasesParts {
  store: Pick<SessionStore, 'renewLease' | 'releaseLease'>;
  /** The name of this process among those that share the store. */
  holder: string;
  clock: Clock;
  /** How many may wait for one session. */
  queue: number;
}

/**
 * One writer at a time per session. Within this process they come in the order of asking; between
 * processes, the store's leases keep them apart. Leases of turns that run for long are renewed.
 */
export class Leases {
  private readonly queues = new Map<string, Array<() => void>>();
  private readonly held = new Set<Held>();
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly parts: LeasesParts) {
    this.timer = setInterval(() => this.renew(), RENEW_EVERY);
    this.timer.unref();
  }

  /** How many leases are held, and how many turns wait for one. */
  get counts(): { held: number; waiting: number } {
    const waiting = [...this.queues.values()].reduce((sum, { length }) => sum + length, 0);
    return { held: this.held.size, waiting };
  }

  /** Whether a turn of this process is writing to the session, or waits to. */
  isBusy(session: SessionId): boolean {
    return this.queues.has(session);
  }

  /**
   * Waits for this process's turn at a session; `leave` lets the next one in. `session_busy` where too many
   * wait already, or once `waitMs` have passed. One that need not be answered soon waits without a limit.
   */
  async enter(session: SessionId, waitMs: number): Promise<() => void> {
    const queue = this.queues.get(session);
    if (!queue) this.queues.set(session, []);
    else {
      if (queue.length >= this.parts.queue && waitMs !== Number.POSITIVE_INFINITY)
        throw busy(`${queue.length} turns wait for this session already.`);
      await this.wait(queue, waitMs);
    }
    let inside = true;
    return () => {
      if (inside) this.letNextIn(session);
      inside = false;
    };
  }

  /** What to ask the store for. */
  request(): LeaseRequest {
    const now = this.parts.clock();
    return { holder: this.parts.holder, now, until: now + LASTS };
  }

  /** Keeps a lease that the store has given, and lets the next writer of this process in at its end. */
  hold(tenant: Tenant, session: SessionId, token: number, leave: () => void): Lease {
    const { store, clock } = this.parts;
    const held: Held = {
      token,
      tenant,
      session,
      renewedAt: clock(),
      release: (givenBack) => {
        if (!this.held.delete(held)) return;
        // Where the store does not answer, the lease expires by itself.
        if (!givenBack) store.releaseLease(tenant, session, token).catch(() => {});
        leave();
      },
    };
    this.held.add(held);
    return held;
  }

  close(): void {
    clearInterval(this.timer);
  }

  private wait(queue: Array<() => void>, waitMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const enter = () => {
        clearTimeout(timer);
        resolve();
      };
      queue.push(enter);
      if (waitMs === Number.POSITIVE_INFINITY) return;
      timer = setTimeout(() => {
        queue.splice(queue.indexOf(enter), 1);
        reject(busy(`The session was not free within ${waitMs / 1000} seconds.`));
      }, waitMs);
    });
  }

  private letNextIn(session: SessionId): void {
    const next = this.queues.get(session)?.shift();
    if (next) next();
    else this.queues.delete(session);
  }

  private renew(): void {
    const now = this.parts.clock();
    for (const lease of this.held) {
      if (now - lease.renewedAt < RENEW_EVERY) continue;
      lease.renewedAt = now;
      const { tenant, session, token } = lease;
      this.parts.store.renewLease(tenant, session, token, now + LASTS).then(
        (isStillOurs) => {
          if (!isStillOurs && this.held.has(lease)) lease.onLost?.();
        },
        // A store that does not answer now may do so before the lease ends; if not, the commit will tell.
        () => {},
      );
    }
  }
}

export const busy = (message: string): Fault => new Fault('session_busy', message, { retryAfter: 1 });
