import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Intent } from '../../core/turn.ts';
import type { Journal, Unfinished } from '../../session/journal.ts';

/** A journal that dies with the process. One that is given as `dead` stands for an earlier process. */
export class MemoryJournal implements Journal {
  readonly instance = crypto.randomUUID();
  private readonly open = new Map<TurnId, Unfinished>();

  constructor(private dead?: MemoryJournal) {}

  begin(intent: Intent): void {
    this.open.set(intent.id, { intent, deltas: [] });
  }

  append(turn: TurnId, deltas: readonly Delta[]): void {
    const entry = this.open.get(turn);
    if (!entry) throw new Fault('internal_error', `The turn ${turn} is not open in the journal.`);
    entry.deltas.push(...deltas);
  }

  end(turn: TurnId): void {
    this.open.delete(turn);
  }

  async inherit(): Promise<Unfinished[]> {
    const { dead } = this;
    if (!dead) return [];
    this.dead = undefined;
    await dead.inherit();
    for (const [turn, entry] of dead.open) this.open.set(turn, entry);
    const turns = [...dead.open.values()].map(copy);
    return turns.sort((a, b) => a.intent.createdAt - b.intent.createdAt);
  }

  async find(turn: TurnId): Promise<Unfinished | undefined> {
    const entry = this.open.get(turn);
    return entry ? copy(entry) : this.dead?.find(turn);
  }

  async isAlive(instance: string): Promise<boolean> {
    return instance === this.instance;
  }

  async close(): Promise<void> {}
}

const copy = ({ intent, deltas }: Unfinished): Unfinished => ({ intent, deltas: [...deltas] });
