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
import { Fault } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';

const NEWLINE = 10;

/** One file of the journal. It holds whole lines only, but for one that a crash cut short at its end. */
export class JournalSegment {
  /** Turns that have begun in this segment and not ended. */
  readonly open = new Set<TurnId>();
  private broken = false;
  /** Lines that may be lost, waiting for one that may not. */
  private deferred = '';

  private constructor(
    private location: string,
    private readonly file: number,
    private bytes: number,
  ) {}

  static create(path: string): JournalSegment {
    return new JournalSegment(path, openSync(path, 'ax', 0o600), 0);
  }

  /** Takes over the segment of a dead process, less the line that its death cut short. */
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

  text(): string {
    return readFileSync(this.location, 'utf8');
  }

  rename(path: string): void {
    renameSync(this.location, path);
    this.location = path;
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
      const reason = (cause as Error).message;
      throw new Fault('store_unavailable', `The journal cannot be written: ${reason}.`, { cause });
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
