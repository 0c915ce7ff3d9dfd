import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import type { Delta } from '../../core/delta.ts';
import type { TurnId } from '../../core/ids.ts';
import type { JournaledIntent } from '../../session/journal.ts';
import type { MemberId } from '../../session/members.ts';
import { unwritable } from './journal-files.ts';
import { withChecksum } from './line-checksum.ts';

const NEWLINE = 10;

/** What a line of a segment says. */
export type Line =
  | ['begin', TurnId, unknown]
  | ['deltas', TurnId, Delta[]]
  | ['end', TurnId]
  /** A process died while it answered the turn. Written by the process that took the turn over. */
  | ['death', TurnId]
  /** The process closed its journal. The turns that are open then are left to a successor process. */
  | ['closed'];

export const beginLine = (intent: JournaledIntent): string =>
  withChecksum(`["begin","${intent.id}",${JSON.stringify(intent)}`);

export const deltasLine = (turn: TurnId, deltas: readonly Delta[]): string =>
  withChecksum(`["deltas","${turn}",${JSON.stringify(deltas)}`);

export const endLine = (turn: TurnId): string => withChecksum(`["end","${turn}"`);

export const deathLine = (turn: TurnId): string => withChecksum(`["death","${turn}"`);

export const CLOSED_LINE = withChecksum('["closed"');

export const segmentName = (member: MemberId, number: number): string => `${member}-${number}.log`;

/** One file of the journal. It holds whole lines only, except for a last one that a crash cut short. */
export class JournalSegment {
  /** Turns that have begun in this segment and not ended. */
  readonly open = new Set<TurnId>();
  private broken = false;
  /** Lines that may be lost, waiting for one that may not. */
  private deferred = '';

  private constructor(
    private location: string,
    private file: number,
    private bytes: number,
  ) {}

  static create(path: string): JournalSegment {
    return new JournalSegment(path, openSync(path, 'ax', 0o600), 0);
  }

  /** Takes over the segment of a dead process, without the line that its death cut short. */
  static adopt(path: string): JournalSegment {
    const whole = readFileSync(path).lastIndexOf(NEWLINE) + 1;
    const file = openSync(path, 'a');
    if (fstatSync(file).size > whole) ftruncateSync(file, whole);
    return new JournalSegment(path, file, whole);
  }

  get path(): string {
    return this.location;
  }

  get size(): number {
    return this.bytes;
  }

  /** False once a line could be neither finished nor taken back. */
  get writable(): boolean {
    return !this.broken;
  }

  /** The whole content, deferred lines included. */
  text(): string {
    return readFileSync(this.location, 'utf8') + this.deferred;
  }

  rename(path: string): void {
    renameSync(this.location, path);
    this.location = path;
  }

  /** Replaces the content, deferred lines included. Readers see the whole old file or the whole new one. */
  rewrite(text: string): void {
    const temporary = `${this.location}.tmp`;
    const data = Buffer.from(text);
    try {
      rmSync(temporary, { force: true });
      const file = openSync(temporary, 'ax', 0o600);
      try {
        writeAll(file, data);
        renameSync(temporary, this.location);
      } catch (error) {
        closeSync(file);
        rmSync(temporary, { force: true });
        throw error;
      }
      closeSync(this.file);
      this.file = file;
    } catch (cause) {
      throw unwritable(cause);
    }
    this.bytes = data.length;
    this.deferred = '';
    this.broken = false;
  }

  /** Appends one line together with the next `write`; lost if there is none before the process dies. */
  defer(line: string): void {
    this.deferred += `${line}\n`;
  }

  /** Appends one line, or several, whole or not at all. Returns once it survives the process. */
  write(line: string): void {
    this.append(`${this.deferred}${line}\n`);
  }

  /** Appends the lines that wait, if it can. */
  flush(): void {
    try {
      if (this.deferred !== '') this.append(this.deferred);
    } catch {
      // They may be lost.
    }
  }

  private append(text: string): void {
    const data = Buffer.from(text);
    let written = 0;
    try {
      if (this.broken) throw new Error('an earlier write was cut short');
      while (written < data.length) written += writeSync(this.file, data, written);
    } catch (cause) {
      if (written > 0) this.cutBack();
      throw unwritable(cause);
    }
    this.deferred = '';
    this.bytes += written;
  }

  close(): void {
    closeSync(this.file);
  }

  remove(): void {
    rmSync(this.location, { force: true });
    this.close();
  }

  private cutBack(): void {
    try {
      ftruncateSync(this.file, this.bytes);
    } catch {
      // A line after the torn one would be lost with it.
      this.broken = true;
    }
  }
}

function writeAll(file: number, data: Buffer): void {
  let written = 0;
  while (written < data.length) written += writeSync(file, data, written);
}
