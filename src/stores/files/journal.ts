import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { Inherited, Journal, JournaledIntent, Unfinished } from '../../session/journal.ts';
import type { MemberId } from '../../session/members.ts';
import { isSegment, journalDirectory, lockName, memberOf, unreadable, unwritable } from './journal-files.ts';
import { OpenTurns, withoutSession } from './journal-lines.ts';
import { TurnReading } from './journal-reader.ts';
import {
  beginLine,
  CLOSED_LINE,
  deathLine,
  deltasLine,
  endLine,
  JournalSegment,
  segmentName,
} from './journal-segment.ts';
import type { FileMembers } from './members.ts';

const SEGMENT_BYTES = 4 * 1024 * 1024;
/** How long the end of a turn waits for another entry to be written with it. */
const END_WAITS_MS = 50;
/** About the size of a large entry. A disk that has no room for it is full. */
const PROBE = new Uint8Array(16 * 1024);

/**
 * A journal in files, `<dataDir>/journal/<member>-<n>.log`. Each entry is one write to the page cache, without
 * a sync: it survives the process, not the machine, and costs microseconds.
 *
 * All entries of a turn go to the segment in which it began. So a segment can go as soon as its own turns have
 * ended, even while other turns run on. The segments of a dead process are taken over by giving them this
 * one's name: from then on there is no difference.
 */
export class FileJournal implements Journal {
  private readonly segments = new Set<JournalSegment>();
  private readonly segmentOf = new Map<TurnId, JournalSegment>();
  private active: JournalSegment | undefined;
  private segmentCount = 0;
  private flushing: Timer | undefined;
  private closed = false;

  private constructor(
    private readonly members: FileMembers,
    private readonly directory: string,
    private readonly emit: Emit,
    private readonly segmentBytes: number,
  ) {}

  /** Several processes may open a journal in one folder; each inherits only what dead ones left. */
  static open(
    dataDir: string,
    members: FileMembers,
    { emit = () => {}, segmentBytes = SEGMENT_BYTES }: { emit?: Emit; segmentBytes?: number } = {},
  ): FileJournal {
    const directory = journalDirectory(dataDir);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return new FileJournal(members, directory, emit, segmentBytes);
  }

  /** The process whose name the segments have. */
  get member(): MemberId {
    return this.members.self;
  }

  begin(intent: JournaledIntent): void {
    const before = this.segmentOf.get(intent.id);
    const segment = before ?? this.activeSegment();
    segment.write(beginLine(intent));
    if (before) return;
    this.admit(intent.id, segment);
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

  async inherit(): Promise<Inherited[]> {
    const turns: Inherited[] = [];
    let failure: unknown;
    for (const [member, hasLock] of this.otherMembers()) {
      try {
        await this.members.succeed(member, hasLock, () => this.adoptAll(member, turns));
      } catch (error) {
        failure = error;
      }
    }
    // What has been taken over must be told; the next call meets what failed again.
    if (failure && turns.length === 0) throw unreadable(failure);
    return turns.sort((a, b) => a.intent.createdAt - b.intent.createdAt);
  }

  async erase(tenant: Tenant, session: SessionId): Promise<void> {
    try {
      this.refuseIfClosed();
      for (const segment of this.segments) this.eraseFrom(segment, tenant, session);
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  /** Whether this process runs the turn. */
  isOpen(turn: TurnId): boolean {
    return this.segmentOf.has(turn);
  }

  /** An unfinished turn of this process, as far as it has come by now. */
  findOwn(turn: TurnId): Unfinished | undefined {
    this.refuseIfClosed();
    const segment = this.segmentOf.get(turn);
    return segment && new TurnReading(segment.path, turn).now();
  }

  /** Throws `store_unavailable` where an entry could not be written now. */
  probe(): void {
    const path = join(this.directory, `${this.member}.probe`);
    try {
      writeFileSync(path, PROBE, { mode: 0o600 });
    } catch (cause) {
      throw unwritable(cause);
    } finally {
      rmSync(path, { force: true });
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.flushing);
    for (const segment of this.segments) {
      if (segment.open.size === 0) this.discard(segment);
      else {
        segment.defer(CLOSED_LINE);
        segment.flush();
        segment.close();
      }
    }
    this.segmentOf.clear();
    this.active = undefined;
  }

  private admit(turn: TurnId, segment: JournalSegment): void {
    segment.open.add(turn);
    this.segmentOf.set(turn, segment);
  }

  private activeSegment(): JournalSegment {
    if (this.active?.writable && this.active.size < this.segmentBytes) return this.active;
    this.refuseIfClosed();
    const full = this.active;
    try {
      this.active = JournalSegment.create(this.nextPath());
    } catch (cause) {
      throw unwritable(cause);
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

  /** All other processes that have files here, and whether a lock is among them. */
  private otherMembers(): Map<MemberId, boolean> {
    try {
      this.refuseIfClosed();
      const found = new Map<MemberId, boolean>();
      for (const name of readdirSync(this.directory)) {
        const member = memberOf(name);
        if (member === undefined || member === this.member) continue;
        found.set(member, found.get(member) || name === lockName(member));
      }
      return found;
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  /**
   * Takes over the segments of a dead process; its unfinished turns are added to `turns`. Other work comes between two
   * segments.
   */
  private async adoptAll(member: MemberId, turns: Inherited[]): Promise<void> {
    for (const name of readdirSync(this.directory)) {
      if (!name.startsWith(`${member}-`)) continue;
      this.refuseIfClosed();
      const path = join(this.directory, name);
      // The process died while it rewrote a segment: the segment itself is whole.
      if (!isSegment(name)) rmSync(path, { force: true });
      else {
        turns.push(...this.adopt(path));
        await Bun.sleep(0);
      }
    }
  }

  private adopt(path: string): Inherited[] {
    const segment = JournalSegment.adopt(path);
    const open = new OpenTurns();
    try {
      open.read(segment.text().split('\n'));
      // What these turns get from now on must not be lost behind the gap.
      for (const turn of open.cut) {
        const { intent, deltas } = open.turns.get(turn)!;
        segment.write(`${beginLine(intent)}\n${deltasLine(turn, deltas)}`);
      }
      if (!open.isClosed) noteDeaths(open, segment);
      segment.rename(this.nextPath());
    } catch (error) {
      segment.close();
      throw error;
    }
    this.reportDamage(open, segment.path);
    this.segments.add(segment);
    for (const turn of open.turns.keys()) this.admit(turn, segment);
    if (segment.open.size === 0) this.discard(segment);
    return [...open.turns].map(([id, turn]) => ({
      ...turn,
      deaths: open.deaths.get(id) ?? 0,
      isCut: open.cut.has(id),
    }));
  }

  private reportDamage({ damagedLines, cut, lost }: OpenTurns, file: string): void {
    if (damagedLines === 0 && lost.size === 0) return;
    this.emit({ type: 'journal-damaged', file, lines: damagedLines, cut: [...cut], lost: [...lost] });
  }

  private eraseFrom(segment: JournalSegment, tenant: Tenant, session: SessionId): void {
    const text = segment.text();
    const { rest, erased } = withoutSession(text, tenant, session);
    if (rest !== text) segment.rewrite(rest);
    for (const turn of erased) {
      segment.open.delete(turn);
      this.segmentOf.delete(turn);
    }
    if (segment.open.size === 0 && segment !== this.active) this.discard(segment);
  }

  private nextPath(): string {
    return join(this.directory, segmentName(this.member, this.segmentCount++));
  }

  private refuseIfClosed(): void {
    if (this.closed) throw new Fault('store_unavailable', 'The journal is closed.');
  }
}

/** A turn that waited for its session did nothing yet that could end a process. */
function noteDeaths(open: OpenTurns, segment: JournalSegment): void {
  const answered = [...open.turns]
    .filter(([, { intent }]) => intent.kind !== 'waiting')
    .map(([turn]) => turn);
  if (answered.length === 0) return;
  segment.write(answered.map(deathLine).join('\n'));
  for (const turn of answered) open.deaths.set(turn, (open.deaths.get(turn) ?? 0) + 1);
}
