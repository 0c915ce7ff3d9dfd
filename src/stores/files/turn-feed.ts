import { readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Unfinished } from '../../session/journal.ts';
import type { TurnFeed } from '../../session/turn-feed.ts';
import type { FileJournal } from './journal.ts';
import {
  cancelledBy,
  cancelName,
  isSegment,
  journalDirectory,
  unreadable,
  unwritable,
} from './journal-files.ts';
import { JournalReader } from './journal-reader.ts';

/** Reading the folder costs some microseconds, and a caller does not notice this much waiting. */
const LOOK_EVERY_MS = 50;
/** A request that its turn's process has not taken by then is looked into: that process may be dead. */
const STALE_MS = 10_000;

/**
 * Running turns of the processes that share a data folder. A request to cancel is an empty file,
 * `<dataDir>/journal/<turn>.cancel`. The process that runs the turn removes it; it looks for such files only
 * while it runs turns. The folder is polled because notices of changes would come for every entry of the journal.
 */
export class FileTurnFeed implements TurnFeed {
  private readonly others: JournalReader;
  private listener: ((turn: TurnId) => void) | undefined;
  private timer: Timer | undefined;
  private closed = false;

  private constructor(
    private readonly directory: string,
    private readonly journal: FileJournal,
  ) {
    const { member } = journal;
    this.others = new JournalReader(directory, (name) => isSegment(name) && !name.startsWith(member));
  }

  static open(dataDir: string, journal: FileJournal): FileTurnFeed {
    return new FileTurnFeed(journalDirectory(dataDir), journal);
  }

  async find(turn: TurnId): Promise<Unfinished | undefined> {
    try {
      if (this.closed) throw new Fault('store_unavailable', 'The journal is closed.');
      // While the other segments were read, this process may have inherited the one that has the turn.
      return this.journal.findOwn(turn) ?? (await this.others.find(turn)) ?? this.journal.findOwn(turn);
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  async requestCancel(turn: TurnId): Promise<void> {
    if (!(await this.find(turn))) return;
    try {
      await writeFile(join(this.directory, cancelName(turn)), '', { mode: 0o600 });
    } catch (cause) {
      throw unwritable(cause);
    }
  }

  onCancelRequest(listener: (turn: TurnId) => void): void {
    this.listener = listener;
    this.journal.onBusy = () => this.watch();
    if (!this.journal.isIdle) this.watch();
  }

  close(): void {
    this.closed = true;
    this.listener = undefined;
    this.journal.onBusy = undefined;
    clearInterval(this.timer);
  }

  private watch(): void {
    this.timer ??= setInterval(() => this.look(), LOOK_EVERY_MS).unref();
  }

  private look(): void {
    for (const turn of this.requests()) {
      if (this.journal.isOpen(turn)) {
        this.remove(turn);
        this.listener?.(turn);
      } else if (this.isStale(turn)) void this.removeUnlessRunning(turn);
    }
    if (!this.journal.isIdle) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private requests(): TurnId[] {
    try {
      return readdirSync(this.directory).flatMap((name) => cancelledBy(name) ?? []);
    } catch {
      // The next look tries again.
      return [];
    }
  }

  private isStale(turn: TurnId): boolean {
    const made = statSync(join(this.directory, cancelName(turn)), { throwIfNoEntry: false });
    return made !== undefined && made.mtimeMs < Date.now() - STALE_MS;
  }

  private async removeUnlessRunning(turn: TurnId): Promise<void> {
    // Not looked into again until as much time has passed again.
    this.touch(turn);
    const running = await this.find(turn).catch(() => 'unknown');
    if (!running) this.remove(turn);
  }

  private touch(turn: TurnId): void {
    try {
      utimesSync(join(this.directory, cancelName(turn)), new Date(), new Date());
    } catch {
      // Another process has removed it.
    }
  }

  private remove(turn: TurnId): void {
    try {
      rmSync(join(this.directory, cancelName(turn)), { force: true });
    } catch {
      // The next look tries again; to cancel a turn twice does no harm.
    }
  }
}
