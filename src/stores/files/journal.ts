import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Intent } from '../../core/turn.ts';
import type { Journal, Unfinished } from '../../session/journal.ts';
import { InstanceLock } from './instance-lock.ts';
import { beginLine, deltasLine, endLine, OpenTurns } from './journal-lines.ts';
import { JournalReader, TurnReading } from './journal-reader.ts';
import { JournalSegment } from './journal-segment.ts';

const SEGMENT_BYTES = 1024 * 1024;
/** How long the end of a turn waits for another entry that takes it along. */
const END_WAITS_MS = 50;
/** `<instance>-<n>.log` and `<instance>.lock`; an instance is a UUID. */
const FILE_NAME = /^([0-9a-f-]{36})(-\d+\.log|\.lock)$/;

/**
 * A journal in files, `<dataDir>/journal/<instance>-<n>.log`. Each entry is one write to the page cache,
 * without a sync: it survives the process, not the machine, and costs microseconds.
 *
 * All entries of a turn go to the segment in which it began. So a segment can go as soon as its own turns
 * have ended, however long others run. The segments of a dead process are taken over by giving them this
 * one's name: from then on there is no difference.
 */
export class FileJournal implements Journal {
  private readonly segments = new Set<JournalSegment>();
  private readonly segmentOf = new Map<TurnId, JournalSegment>();
  private readonly others: JournalReader;
  private active: JournalSegment | undefined;
  private segmentCount = 0;
  private flushing: Timer | undefined;
  private closed = false;

  private constructor(
    readonly instance: string,
    private readonly directory: string,
    private readonly lock: InstanceLock,
    private readonly segmentBytes: number,
  ) {
    this.others = new JournalReader(directory, (name) => name.endsWith('.log') && !name.startsWith(instance));
  }

  /** Several processes may open a journal in one directory; each inherits only what dead ones left. */
  static open(dataDir: string, segmentBytes = SEGMENT_BYTES): FileJournal {
    const directory = join(dataDir, 'journal');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (;;) {
      const instance = crypto.randomUUID();
      const lock = InstanceLock.take(lockPath(directory, instance), { create: true });
      if (lock) return new FileJournal(instance, directory, lock, segmentBytes);
    }
  }

  begin(intent: Intent): void {
    const before = this.segmentOf.get(intent.id);
    const segment = before ?? this.activeSegment();
    segment.write(beginLine(intent));
    if (before) return;
    segment.open.add(intent.id);
    this.segmentOf.set(intent.id, segment);
  }

  append(turn: TurnId, deltas: readonly Delta[]): void {
    const segment = this.segmentOf.get(turn);
    if (!segment) throw new Fault('internal_error', `The turn ${turn} is not open in the journal.`);
    segment.write(deltasLine(turn, deltas));
  }

  end(turn: TurnId): void {
    const segment = this.segmentOf.get(turn);
    if (!segment) return;
    this.segmentOf.delete(turn);
    segment.open.delete(turn);
    try {
      // Nothing depends on this line: a successor that misses it finds the turn in the log.
      if (segment === this.active) this.deferEnd(turn, segment);
      else if (segment.open.size > 0) segment.write(endLine(turn));
      else this.discard(segment);
    } catch {
      // As above: what is left of the turn is recognised as done.
    }
  }

  async inherit(): Promise<Unfinished[]> {
    const turns: Unfinished[] = [];
    let failure: unknown;
    for (const [instance, lockFile] of this.instances()) {
      try {
        // A lock file that has gone since is not made again: somebody else was faster.
        const lock = InstanceLock.take(lockPath(this.directory, instance), { create: !lockFile });
        if (lock) this.takeOver(instance, lock, turns);
      } catch (error) {
        failure = error;
      }
    }
    // What has been taken over must be told; the next call meets what failed again.
    if (failure && turns.length === 0) throw unreadable(failure);
    return turns.sort((a, b) => a.intent.createdAt - b.intent.createdAt);
  }

  async find(turn: TurnId): Promise<Unfinished | undefined> {
    try {
      this.refuseIfClosed();
      // While the others' segments were looked through, this process may have inherited the one that has it.
      return this.findOwn(turn) ?? (await this.others.find(turn)) ?? this.findOwn(turn);
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  async isAlive(instance: string): Promise<boolean> {
    if (instance === this.instance) return true;
    if (instanceOf(lockName(instance)) !== instance) return false;
    try {
      return InstanceLock.isHeld(lockPath(this.directory, instance));
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  /** Turns that have not ended stay for a successor. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.flushing);
    for (const segment of this.segments) {
      if (segment.open.size === 0) this.discard(segment);
      else {
        segment.flush();
        segment.close();
      }
    }
    if (this.segments.size > 0) this.lock.release();
    else this.lock.remove();
    this.segmentOf.clear();
    this.active = undefined;
  }

  private findOwn(turn: TurnId): Unfinished | undefined {
    const segment = this.segmentOf.get(turn);
    return segment && new TurnReading(segment.path, turn).now();
  }

  private activeSegment(): JournalSegment {
    if (this.active?.writable && this.active.size < this.segmentBytes) return this.active;
    this.refuseIfClosed();
    const full = this.active;
    try {
      this.active = JournalSegment.create(this.nextPath());
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new Fault('store_unavailable', `The journal cannot be written: ${reason}.`, { cause });
    }
    this.segments.add(this.active);
    if (full?.open.size === 0) this.discard(full);
    else full?.flush();
    return this.active;
  }

  /** The line goes with the next entry, or soon by itself: readers in other processes wait for it. */
  private deferEnd(turn: TurnId, segment: JournalSegment): void {
    segment.defer(endLine(turn));
    this.flushing ??= setTimeout(() => {
      this.flushing = undefined;
      this.active?.flush();
    }, END_WAITS_MS).unref();
  }

  private discard(segment: JournalSegment): void {
    segment.remove();
    this.segments.delete(segment);
  }

  /** All others that have files here, and whether a lock is among them. */
  private instances(): Map<string, boolean> {
    try {
      this.refuseIfClosed();
      const found = new Map<string, boolean>();
      for (const name of readdirSync(this.directory)) {
        const instance = instanceOf(name);
        if (instance === undefined || instance === this.instance) continue;
        found.set(instance, found.get(instance) || name === lockName(instance));
      }
      return found;
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  /** Takes over what a dead process left; its unfinished turns are added to `turns`. */
  private takeOver(instance: string, lock: InstanceLock, turns: Unfinished[]): void {
    try {
      for (const name of readdirSync(this.directory)) {
        if (name.startsWith(`${instance}-`)) turns.push(...this.adopt(join(this.directory, name)));
      }
      lock.remove();
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private adopt(path: string): Unfinished[] {
    const segment = JournalSegment.adopt(path);
    const open = new OpenTurns();
    try {
      open.read(segment.text().split('\n'));
      // What these turns get from now on must not be lost behind the gap.
      for (const turn of open.cut) {
        const { intent, deltas } = open.turns.get(turn)!;
        segment.write(`${beginLine(intent)}\n${deltasLine(turn, deltas)}`);
      }
      segment.rename(this.nextPath());
    } catch (error) {
      segment.close();
      throw error;
    }
    this.segments.add(segment);
    for (const turn of open.turns.keys()) {
      segment.open.add(turn);
      this.segmentOf.set(turn, segment);
    }
    if (segment.open.size === 0) this.discard(segment);
    return [...open.turns.values()];
  }

  private nextPath(): string {
    return join(this.directory, `${this.instance}-${this.segmentCount++}.log`);
  }

  private refuseIfClosed(): void {
    if (this.closed) throw new Fault('store_unavailable', 'The journal is closed.');
  }
}

const lockName = (instance: string): string => `${instance}.lock`;

const lockPath = (directory: string, instance: string): string => join(directory, lockName(instance));

function instanceOf(name: string): string | undefined {
  return FILE_NAME.exec(name)?.[1];
}

function unreadable(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  return new Fault('store_unavailable', `The journal cannot be read: ${(cause as Error).message}.`, {
    cause,
  });
}
