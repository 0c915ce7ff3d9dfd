import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { Inherited, Journal, JournaledIntent, Unfinished } from '../../session/journal.ts';

/** A journal that dies with the process. One that is given as `dead` stands for an earlier process. */
export class MemoryJournal implements Journal {
  private readonly open = new Map<TurnId, Unfinished>();
  private readonly deaths = new Map<TurnId, number>();
  private closed = false;

  constructor(private dead?: MemoryJournal) {}

  begin(intent: JournaledIntent): void {
    this.open.set(intent.id, { intent, deltas: [] });
  }

  append(turn: TurnId, deltas: readonly Delta[]): void {
    const entry = this.open.get(turn);
    if (!entry) throw new Fault('internal_error', `The turn ${turn} is not open in the journal.`);
    for (const delta of deltas) entry.deltas.push(delta);
  }

  end(turn: TurnId): void {
    this.open.delete(turn);
  }

  async inherit(): Promise<Inherited[]> {
    const { dead } = this;
    if (!dead) return [];
    this.dead = undefined;
    await dead.inherit();
    for (const [turn, entry] of dead.open) {
      const died = dead.closed || entry.intent.kind === 'waiting' ? 0 : 1;
      this.open.set(turn, entry);
      this.deaths.set(turn, (dead.deaths.get(turn) ?? 0) + died);
    }
    const turns = [...dead.open].map(([turn, entry]) => ({
      ...copy(entry),
      deaths: this.deaths.get(turn)!,
      isCut: false,
    }));
    return turns.sort((a, b) => a.intent.createdAt - b.intent.createdAt);
  }

  async erase(tenant: Tenant, session: SessionId): Promise<void> {
    for (const [turn, { intent }] of this.open) {
      if (intent.tenant === tenant && intent.session === session) this.open.delete(turn);
    }
  }

  /** Whether this process runs the turn. */
  isOpen(turn: TurnId): boolean {
    return this.open.has(turn);
  }

  /** A turn of this process or of a dead one, as far as it has come by now. */
  find(turn: TurnId): Unfinished | undefined {
    const entry = this.open.get(turn);
    return entry ? copy(entry) : this.dead?.find(turn);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

const copy = ({ intent, deltas }: Unfinished): Unfinished => ({ intent, deltas: [...deltas] });
