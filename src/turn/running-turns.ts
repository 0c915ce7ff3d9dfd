import { Fault } from '../core/errors.ts';
import type { TurnId } from '../core/ids.ts';
import type { Tenant } from '../core/turn.ts';
import type { LiveTurn } from './live-turn.ts';

/** The turns that are running in this process. */
export class RunningTurns {
  private readonly live = new Map<TurnId, LiveTurn>();
  private closed = false;

  add(turn: LiveTurn): void {
    const { id } = turn.intent;
    this.live.set(id, turn);
    const remove = () => this.live.delete(id);
    turn.ended.then(remove, remove);
    if (this.closed) turn.stop(shutDown());
  }

  get(tenant: Tenant, id: TurnId): LiveTurn | undefined {
    const turn = this.live.get(id);
    return turn?.intent.tenant === tenant ? turn : undefined;
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

  private async allEnded(): Promise<void> {
    while (this.live.size > 0) await Promise.allSettled([...this.live.values()].map((turn) => turn.ended));
  }
}

const shutDown = () => new Fault('shutting_down', 'The gateway shut down before the answer was complete.');
