import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Intent } from '../../core/turn.ts';
import type { Journal, Unfinished } from '../../session/journal.ts';
import { InstanceLock } from './instance-lock.ts';
import { beginLine, deltasLine, endLine, readLines } from './journal-lines.ts';
import { JournalSegment } from './journal-segment.ts';

const SEGMENT_BYTES = 1024 * 1024;
/** `<instance>-<n>.log` and `<instance>.lock`; an instance is a UUID. */
const FILE_NAME = /^([0-9a-f-]{36})(-\d+\.log|\.lock)$/;

/** The segments of one process, and the lock that gives the right to them. */
interface Estate {
  lock: InstanceLock;
  segments: Set<JournalSegment>;
}

/**
 * A journal in files, `<dataDir>/journal/<instance>-<n>.log`. Each entry is one write to the page cache,
 * without a sync: it survives the process, not the machine, and costs microseconds.
 *
 * All entries of a turn go to the segment in which it began. So a segment can go as soon as its own turns
 * have ended, however long others run.
 */
export class FileJournal implements Journal {
  private readonly segmentOf = new Map<TurnId, JournalSegment>();
  /** What dead processes left, until their turns have ended. */
  private readonly inherited = new Map<string, Estate>();
  private active: JournalSegment | undefined;
  private segmentCount = 0;
  private closed = false;

  private constructor(
    private readonly directory: string,
    private readonly instance: string,
    private readonly own: Estate,
    private readonly segmentBytes: number,
  ) {}

  /** Several processes may open a journal in one directory; each finds only what dead ones left. */
  static open(dataDir: string, segmentBytes = SEGMENT_BYTES): FileJournal {
    const directory = join(dataDir, 'journal');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (;;) {
      const instance = crypto.randomUUID();
      const lock = InstanceLock.take(lockPath(directory, instance));
      if (lock) return new FileJournal(directory, instance, { lock, segments: new Set() }, segmentBytes);
    }
  }

  begin(intent: Intent): void {
    if (this.segmentOf.has(intent.id)) return;
    const segment = this.activeSegment();
    segment.write(beginLine(intent));
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
      if (segment === this.active) segment.defer(endLine(turn));
      else if (segment.open.size > 0) segment.write(endLine(turn));
      else this.discard(segment);
    } catch {
      // As above: what is left of the turn is recognised as done.
    }
  }

  async unfinished(): Promise<Unfinished[]> {
    try {
      this.inherit();
      const found: Unfinished[] = [];
      for (const { segments } of this.inherited.values()) {
        for (const segment of segments) {
          for (const [turn, entry] of readLines(segment.text()))
            if (segment.open.has(turn)) found.push(entry);
        }
      }
      return found.sort((a, b) => a.intent.createdAt - b.intent.createdAt);
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new Fault('store_unavailable', `The journal cannot be read: ${reason}.`, { cause });
    }
  }

  /** Turns that have not ended stay for a successor. */
  async close(): Promise<void> {
    if (this.closed) return;
    for (const estate of [this.own, ...this.inherited.values()]) leave(estate);
    this.segmentOf.clear();
    this.inherited.clear();
    this.active = undefined;
    this.closed = true;
  }

  private activeSegment(): JournalSegment {
    if (this.active?.writable) {
      if (this.active.size < this.segmentBytes) return this.active;
      if (this.active.open.size === 0) {
        this.active.clear();
        return this.active;
      }
      this.active.flush();
    }
    if (this.closed) throw new Fault('store_unavailable', 'The journal is closed.');
    const path = join(this.directory, `${this.instance}-${this.segmentCount}.log`);
    try {
      this.active = JournalSegment.create(path);
    } catch (cause) {
      const reason = (cause as Error).message;
      throw new Fault('store_unavailable', `The journal cannot be written: ${reason}.`, { cause });
    }
    this.segmentCount++;
    this.own.segments.add(this.active);
    return this.active;
  }

  private discard(segment: JournalSegment): void {
    segment.remove();
    this.own.segments.delete(segment);
    for (const [instance, { lock, segments }] of this.inherited) {
      if (!segments.delete(segment) || segments.size > 0) continue;
      this.inherited.delete(instance);
      lock.remove();
    }
  }

  /** Takes over what processes that are dead by now have left. */
  private inherit(): void {
    const instances = new Set(readdirSync(this.directory).map(instanceOf));
    for (const instance of instances) {
      if (instance === undefined || instance === this.instance || this.inherited.has(instance)) continue;
      const lock = InstanceLock.take(lockPath(this.directory, instance));
      if (!lock) continue;
      try {
        this.adopt(instance, lock);
      } catch (error) {
        lock.release();
        throw error;
      }
    }
  }

  private adopt(instance: string, lock: InstanceLock): void {
    const segments = new Set<JournalSegment>();
    for (const name of this.namesIn(instance)) {
      const segment = JournalSegment.adopt(join(this.directory, name));
      for (const turn of readLines(segment.text()).keys()) {
        segment.open.add(turn);
        this.segmentOf.set(turn, segment);
      }
      if (segment.open.size > 0) segments.add(segment);
      else segment.remove();
    }
    if (segments.size > 0) this.inherited.set(instance, { lock, segments });
    else lock.remove();
  }

  /** File names of an instance's segments. */
  private namesIn(instance: string): string[] {
    return readdirSync(this.directory).filter((name) => name.startsWith(`${instance}-`));
  }
}

/** Lets go of an estate: what is unfinished stays for a successor, the rest is removed. */
function leave({ lock, segments }: Estate): void {
  const unfinished = [...segments].filter((segment) => segment.open.size > 0);
  for (const segment of segments) {
    if (segment.open.size === 0) segment.remove();
    else {
      segment.flush();
      segment.close();
    }
  }
  if (unfinished.length > 0) lock.release();
  else lock.remove();
}

function lockPath(directory: string, instance: string): string {
  return join(directory, `${instance}.lock`);
}

function instanceOf(name: string): string | undefined {
  return FILE_NAME.exec(name)?.[1];
}
