import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Intent } from '../../core/turn.ts';
import type { Journal, Unfinished } from '../../session/journal.ts';

/** A journal that dies with the process. What it is given as `left` stands for an earlier process's turns. */
export class MemoryJournal implements Journal {
  private readonly running = new Map<TurnId, Unfinished>();

  constructor(private readonly left: Map<TurnId, Unfinished> = new Map()) {}

  begin(intent: Intent): void {
    if (!this.find(intent.id)) this.running.set(intent.id, { intent, deltas: [] });
  }

  append(turn: TurnId, deltas: readonly Delta[]): void {
    const entry = this.find(turn);
    if (!entry) throw new Fault('internal_error', `The turn ${turn} is not open in the journal.`);
    entry.deltas.push(...deltas);
  }

  end(turn: TurnId): void {
    this.running.delete(turn);
    this.left.delete(turn);
  }

  async unfinished(): Promise<Unfinished[]> {
    return [...this.left.values()].sort((a, b) => a.intent.createdAt - b.intent.createdAt);
  }

  /** What a successor would find: every turn that has begun and not ended. */
  remaining(): Map<TurnId, Unfinished> {
    return new Map([...this.left, ...this.running]);
  }

  async close(): Promise<void> {}

  private find(turn: TurnId): Unfinished | undefined {
    return this.running.get(turn) ?? this.left.get(turn);
  }
}
