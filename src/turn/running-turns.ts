import { Fault } from '../core/errors.ts';
import type { TurnId } from '../core/ids.ts';
import type { Tenant } from '../core/turn.ts';
import type { LiveTurn } from './live-turn.ts';

/** Ended turns that are kept nowhere else, for clients that repeat a request because they got no answer. */
const LINGERING = 256;

/** The turns that are running in this process. */
export class RunningTurns {
  private readonly live = new Map<TurnId, LiveTurn>();
  private readonly lingering = new Map<TurnId, LiveTurn>();
  private closed = false;

  /** The gateway is stopping. */
  get isClosed(): boolean {
    return this.closed;
  }

  add(turn: LiveTurn): void {
    const { id } = turn.asked;
    this.live.set(id, turn);
    const remove = () => {
      this.live.delete(id);
      if (!turn.keep) this.linger(turn);
    };
    turn.ended.then(remove, remove);
    if (this.closed) turn.stop(shutDown());
  }

  get size(): number {
    return this.live.size;
  }

  get(tenant: Tenant, id: TurnId): LiveTurn | undefined {
    const turn = this.live.get(id) ?? this.lingering.get(id);
    return turn?.asked.tenant === tenant ? turn : undefined;
  }

  /**
   * Waits for `quiet`, after which no turn begins any more, and for all to end. Those that take longer
   * than `ms`, or begin after it, are stopped and recorded as they are.
   */
  async drain(ms: number, quiet: Promise<unknown>): Promise<void> {
    await Promise.race([quiet.then(() => this.allEnded()), Bun.sleep(ms)]);
    this.closed = true;
    for (const turn of this.live.values()) turn.stop(shutDown());
    await this.allEnded();
  }

  private linger(turn: LiveTurn): void {
    if (turn.signal.aborted) return;
    this.lingering.set(turn.asked.id, turn);
    if (this.lingering.size <= LINGERING) return;
    const [oldest] = this.lingering.keys();
    this.lingering.delete(oldest!);
  }

  private async allEnded(): Promise<void> {
    while (this.live.size > 0) await Promise.allSettled([...this.live.values()].map((turn) => turn.ended));
  }
}

const shutDown = () => new Fault('shutting_down', 'The gateway shut down before the answer was complete.');
