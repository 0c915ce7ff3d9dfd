import { Fault } from '../core/errors.ts';
import type { TurnId } from '../core/ids.ts';
import type { Tenant } from '../core/turn.ts';
import { Cancelled, type LiveTurn } from './live-turn.ts';

/** The turns that are running in this process. */
export class RunningTurns {
  private readonly live = new Map<TurnId, LiveTurn>();

  add(turn: LiveTurn): void {
    const { id } = turn.intent;
    this.live.set(id, turn);
    const remove = () => this.live.delete(id);
    turn.ended.then(remove, remove);
  }

  get(tenant: Tenant, id: TurnId): LiveTurn | undefined {
    const turn = this.live.get(id);
    return turn?.intent.tenant === tenant ? turn : undefined;
  }

  get size(): number {
    return this.live.size;
  }

  /** Waits for all to end; those that take longer than `ms` are stopped and recorded as they are. */
  async drain(ms: number): Promise<void> {
    const all = () => Promise.allSettled([...this.live.values()].map((turn) => turn.ended));
    await Promise.race([all(), Bun.sleep(ms)]);
    for (const turn of this.live.values()) {
      turn.stop(new Fault('shutting_down', 'The gateway shut down before the answer was complete.'));
    }
    await all();
  }

  /** Stops a turn at its caller's wish. False if it is not running. */
  cancel(tenant: Tenant, id: TurnId): boolean {
    const turn = this.get(tenant, id);
    turn?.stop(new Cancelled('The caller cancelled the turn.'));
    return turn !== undefined;
  }
}
