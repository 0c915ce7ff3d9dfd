import type { TurnId } from '../../core/ids.ts';
import type { Unfinished } from '../../session/journal.ts';
import type { TurnFeed } from '../../session/turn-feed.ts';
import type { MemoryJournal } from './journal.ts';

/** The running turns of one process: there is no other one that could see them. */
export class MemoryTurnFeed implements TurnFeed {
  private listener: ((turn: TurnId) => void) | undefined;

  constructor(private readonly journal: MemoryJournal) {}

  async find(turn: TurnId): Promise<Unfinished | undefined> {
    return this.journal.find(turn);
  }

  async requestCancel(turn: TurnId): Promise<void> {
    if (this.journal.isOpen(turn)) this.listener?.(turn);
  }

  onCancelRequest(listener: (turn: TurnId) => void): void {
    this.listener = listener;
  }

  close(): void {
    this.listener = undefined;
  }
}
