import { Fault } from '../core/errors.ts';

/** Releases that are remembered by session; beyond them, everything counts as changed once. */
const REMEMBERED = 10_000;

/** The right to write to a session. Released once; a second release does nothing. */
export interface Lease {
  release(): void;
}

/**
 * One writer at a time per session, in the order of asking. `limit` bounds how many may wait; the next
 * one gets `session_busy`. It orders the turns of this process; the log's compare-and-set on the head
 * keeps those of several processes apart.
 */
export class Leases {
  /** Counts releases; `releasedAt` says which one was a session's last, as far back as `forgotten`. */
  private releases = 0;
  private forgotten = 0;
  private releasedAt = new Map<string, number>();
  private readonly queues = new Map<string, Array<() => void>>();

  constructor(private readonly limit: number) {}

  async acquire(session: string): Promise<Lease> {
    const queue = this.queues.get(session);
    if (!queue) {
      this.queues.set(session, []);
      return this.lease(session);
    }
    if (queue.length >= this.limit) {
      throw new Fault('session_busy', `${queue.length} turns wait for this session already.`, {
        retryAfter: 1,
      });
    }
    await new Promise<void>((resolve) => queue.push(resolve));
    return this.lease(session);
  }

  /** A moment to compare with: see `releasedSince`. */
  get moment(): number {
    return this.releases;
  }

  /** Whether somebody may have written to the session since a moment: what was read then may be old. */
  releasedSince(session: string, moment: number): boolean {
    return moment < this.forgotten || (this.releasedAt.get(session) ?? 0) > moment;
  }

  private lease(session: string): Lease {
    let held = true;
    return {
      release: () => {
        if (!held) return;
        held = false;
        this.remember(session);
        const next = this.queues.get(session)?.shift();
        if (next) next();
        else this.queues.delete(session);
      },
    };
  }

  private remember(session: string): void {
    if (this.releasedAt.size >= REMEMBERED) {
      this.releasedAt.clear();
      this.forgotten = this.releases;
    }
    this.releasedAt.set(session, ++this.releases);
  }
}
