import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Unfinished } from '../../session/journal.ts';
import type { TurnFeed } from '../../session/turn-feed.ts';
import type { FileJournal } from './journal.ts';
import { isSegment, journalDirectory, unreadable, unwritable } from './journal-files.ts';
import { JournalReader } from './journal-reader.ts';

/** Looking for the folder, which is mostly absent, costs microseconds; a caller does not notice this much waiting. */
const LOOK_EVERY_MS = 50;
/** A request that its turn's process has not taken by then is examined: that process may be dead. */
const STALE_MS = 10_000;

/**
 * Running turns of the processes that share a data folder. A request to cancel is an empty file,
 * `<dataDir>/cancel/<turn>`; the process that runs the turn removes it. The folder is polled, because
 * not every file system tells of changes.
 */
export class FileTurnFeed implements TurnFeed {
  private readonly others: JournalReader;
  private listener: ((turn: TurnId) => void) | undefined;
  private timer: Timer | undefined;
  private closed = false;

  private constructor(
    /** Where requests to cancel are. */
    private readonly requests: string,
    directory: string,
    private readonly journal: FileJournal,
  ) {
    const { member } = journal;
    this.others = new JournalReader(directory, (name) => isSegment(name) && !name.startsWith(member));
  }

  static open(dataDir: string, journal: FileJournal): FileTurnFeed {
    return new FileTurnFeed(join(dataDir, 'cancel'), journalDirectory(dataDir), journal);
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
      mkdirSync(this.requests, { recursive: true, mode: 0o700 });
      await writeFile(join(this.requests, turn), '', { mode: 0o600 });
    } catch (cause) {
      throw unwritable(cause);
    }
  }

  onCancelRequest(listener: (turn: TurnId) => void): void {
    this.listener = listener;
    this.timer ??= setInterval(() => this.look(), LOOK_EVERY_MS).unref();
  }

  close(): void {
    this.closed = true;
    this.listener = undefined;
    clearInterval(this.timer);
  }

  private look(): void {
    for (const turn of this.requested()) {
      if (this.journal.isOpen(turn)) {
        this.remove(turn);
        this.listener?.(turn);
      } else if (this.isStale(turn)) void this.removeUnlessRunning(turn);
    }
  }

  private requested(): TurnId[] {
    try {
      return existsSync(this.requests) ? (readdirSync(this.requests) as TurnId[]) : [];
    } catch {
      // The next look tries again.
      return [];
    }
  }

  private isStale(turn: TurnId): boolean {
    const made = statSync(join(this.requests, turn), { throwIfNoEntry: false });
    return made !== undefined && made.mtimeMs < Date.now() - STALE_MS;
  }

  private async removeUnlessRunning(turn: TurnId): Promise<void> {
    // The next examination comes when the same time has passed again.
    this.touch(turn);
    const running = await this.find(turn).catch(() => 'unknown');
    if (!running) this.remove(turn);
  }

  private touch(turn: TurnId): void {
    try {
      utimesSync(join(this.requests, turn), new Date(), new Date());
    } catch {
      // Another process has removed it.
    }
  }

  private remove(turn: TurnId): void {
    try {
      rmSync(join(this.requests, turn), { force: true });
    } catch {
      // The next look tries again; to cancel a turn twice does no harm.
    }
  }
}
