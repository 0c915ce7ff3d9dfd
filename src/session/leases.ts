import { Fault } from '../core/errors.ts';
import type { SessionId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';
import type { LeaseRequest, LeaseStore } from './lease-store.ts';
import { dropsAnswer, isOnOtherBranch, type QueuedAsk } from './next-request.ts';

/** Milliseconds that a lease lasts, unless it is renewed, and how often it is renewed. */
const LASTS_MS = 30_000;
const RENEW_EVERY_MS = 10_000;

/** The right to write to a session, from the store's lease to the end of its turn. */
export interface Lease {
  /** The fencing token: a commit under it fails once another process has taken the lease. */
  readonly token: number;
  /** The lease was given up for the next request, which is on another branch: the turn is committed as a fork. */
  readonly isYielded: boolean;
  /** Calls `listener` when another process has taken the lease: the turn cannot be committed at the head any more. */
  onLost(listener: () => void): void;
  /** A commit has released the lease in the store. */
  committed(): void;
  /** Ends the lease. Later calls have no effect. */
  release(): void;
}

/** What `Leases` works with. */
export interface LeasesParts {
  store: Pick<LeaseStore, 'renewLease' | 'releaseLease'>;
  /** The name of this process (`Members.self`). */
  holder: string;
  /** How many turns may wait for one session. */
  queue: number;
}

/**
 * One writer at a time per session. Writers of this process wait in the order of their requests; between
 * processes, the store's leases allow one writer. Leases of long turns are renewed.
 */
export class Leases {
  private readonly queues = new Map<string, Queue>();
  private readonly held = new Set<HeldLease>();
  private readonly timer: ReturnType<typeof setInterval>;
  private queue: number;

  constructor(private readonly parts: LeasesParts) {
    this.queue = parts.queue;
    this.timer = setInterval(() => this.renew(), RENEW_EVERY_MS);
    this.timer.unref();
  }

  reconfigure({ queue }: Pick<LeasesParts, 'queue'>): void {
    this.queue = queue;
  }

  /** How many leases are held, and how many turns wait for one. */
  get counts(): { held: number; waiting: number } {
    const waiting = [...this.queues.values()].reduce((sum, { waiting: { length } }) => sum + length, 0);
    return { held: this.held.size, waiting };
  }

  /** Whether a turn of this process is writing to the session, or waits to. */
  isBusy(session: SessionId): boolean {
    return this.queues.has(session);
  }

  /**
   * Waits until no other turn of this process writes to the session, or to one of its lines; the returned
   * function lets the next one in. `session_busy` where too many wait already, or once `waitMs` have passed.
   * With `Infinity` there is no limit: the turn need not be answered soon. `asks` is absent where no answer is
   * asked for.
   */
  async enter(session: string, waitMs: number, asks?: QueuedAsk): Promise<() => void> {
    const queue = this.queues.get(session);
    if (!queue) this.queues.set(session, { inside: asks, waiting: [] });
    else {
      const { length } = queue.waiting;
      if (length >= this.queue && waitMs !== Number.POSITIVE_INFINITY)
        throw busy(`${length} turns wait for this session already.`);
      const entered = wait(queue, waitMs, asks);
      if (length === 0) makeWay(queue);
      await entered;
    }
    let inside = true;
    return () => {
      if (inside) this.letNextIn(session);
      inside = false;
    };
  }

  /** The lease to ask the store for. */
  request(): LeaseRequest {
    return { holder: this.parts.holder, lastsMs: LASTS_MS };
  }

  /** Keeps a lease that the store has given, and lets the next writer of this process in at its end. */
  hold(tenant: Tenant, session: SessionId, token: number, leave: () => void): Lease {
    const { store } = this.parts;
    const lease = new HeldLease(tenant, session, token, { held: this.held, store, leave });
    this.held.add(lease);
    const queue = this.queues.get(session);
    if (queue) {
      queue.lease = lease;
      makeWay(queue);
    }
    return lease;
  }

  close(): void {
    clearInterval(this.timer);
  }

  private letNextIn(session: string): void {
    const queue = this.queues.get(session);
    const next = queue?.waiting.shift();
    if (!queue || !next) {
      this.queues.delete(session);
      return;
    }
    queue.inside = next.asks;
    queue.lease = undefined;
    next.enter();
    makeWay(queue);
  }

  private renew(): void {
    const now = performance.now();
    for (const lease of this.held) {
      if (now - lease.renewedAt < RENEW_EVERY_MS) continue;
      lease.renewedAt = now;
      const { tenant, session, token } = lease;
      this.parts.store.renewLease(tenant, session, token, LASTS_MS).then(
        (isStillOurs) => {
          if (!isStillOurs && this.held.has(lease)) lease.lost?.();
        },
        // The store may answer again before the lease expires; if it does not, the commit fails.
        () => {},
      );
    }
  }
}

/** What a lease is given back to. */
interface LeaseParts {
  /** The leases that are held. */
  held: Set<HeldLease>;
  store: Pick<LeaseStore, 'releaseLease'>;
  /** Lets the next writer of this process in. */
  leave(): void;
}

/** A class, because each turn that runs holds one: functions of its own would take several times the memory. */
class HeldLease implements Lease {
  renewedAt = performance.now();
  lost: (() => void) | undefined;
  isYielded = false;
  private isCommitted = false;

  constructor(
    readonly tenant: Tenant,
    readonly session: SessionId,
    readonly token: number,
    private readonly parts: LeaseParts,
  ) {}

  onLost(listener: () => void): void {
    this.lost = listener;
  }

  committed(): void {
    this.isCommitted = true;
  }

  /** Lets the next turn in before this one has ended. */
  yield(): void {
    this.isYielded = true;
    this.release();
  }

  release(): void {
    const { held, store, leave } = this.parts;
    if (!held.delete(this)) return;
    // If the store does not answer, the lease expires.
    if (!this.isCommitted) store.releaseLease(this.tenant, this.session, this.token).catch(() => {});
    leave();
  }
}

/** The turn that writes to a session, and the turns that wait, in the order of their requests. */
interface Queue {
  inside: QueuedAsk | undefined;
  /** Of the turn inside. */
  lease?: HeldLease;
  waiting: Waiting[];
}

interface Waiting {
  asks: QueuedAsk | undefined;
  enter(): void;
}

/** What the turn inside does for the next one. Turns behind that one do not count: it may need the answer. */
function makeWay(queue: Queue): void {
  const {
    inside,
    waiting: [next],
  } = queue;
  if (!inside || !next?.asks) return;
  if (dropsAnswer(next.asks, inside)) inside.drop?.();
  if (isOnOtherBranch(next.asks, inside)) queue.lease?.yield();
}

function wait(queue: Queue, waitMs: number, asks: QueuedAsk | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enter = () => {
      clearTimeout(timer);
      resolve();
    };
    const waiting = { asks, enter };
    queue.waiting.push(waiting);
    if (waitMs === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(() => {
      queue.waiting.splice(queue.waiting.indexOf(waiting), 1);
      makeWay(queue);
      reject(busy(`The session was not free within ${waitMs / 1000} seconds.`));
    }, waitMs);
  });
}

/** `session_busy`, to be tried again after a second. */
export const busy = (message: string): Fault => new Fault('session_busy', message, { retryAfter: 1 });
