import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TurnId } from '../../core/ids.ts';
import type { Unfinished } from '../../session/journal.ts';
import { linesOf, OpenTurns } from './journal-lines.ts';

const NEWLINE = 10;
/** How long a turn's position is remembered, so that the next look reads only what was written since. */
const REMEMBERED_MS = 10_000;

/** One turn, read from a segment that another process may be writing. */
export class TurnReading {
  lastRead = 0;
  private open = new OpenTurns();
  private offset = 0;
  private file = '';

  constructor(
    private readonly path: string,
    private readonly turn: TurnId,
  ) {}

  /** The turn as far as it has come by now; `undefined` where it is not in the segment, or has ended. */
  now(): Unfinished | undefined {
    this.lastRead = performance.now();
    const data = this.readOn();
    // What follows the last line break is being written, or was cut short.
    const whole = data.lastIndexOf(NEWLINE) + 1;
    this.offset += whole;
    this.open.read(linesOf(this.turn, data.toString('utf8', 0, whole)));
    const found = this.open.turns.get(this.turn);
    return found && { intent: found.intent, deltas: [...found.deltas] };
  }

  /** What was written since the last look; everything, where the file has been replaced (`erase`). */
  private readOn(): Buffer {
    const file = openSync(this.path, 'r');
    try {
      const { ino, birthtimeMs, size } = fstatSync(file);
      const identity = `${ino} ${birthtimeMs}`;
      if (identity !== this.file) {
        this.file = identity;
        this.offset = 0;
        this.open = new OpenTurns();
      }
      const data = Buffer.allocUnsafe(Math.max(0, size - this.offset));
      return data.subarray(0, readSync(file, data, 0, data.length, this.offset));
    } finally {
      closeSync(file);
    }
  }
}

/**
 * Finds turns of other processes in their segments, as far as they have come. Segments come and go meanwhile:
 * one that is gone held no unfinished turn, or has another name by now.
 */
export class JournalReader {
  /** In the order in which they were last read. */
  private readonly remembered = new Map<TurnId, TurnReading>();

  /** Segments are those files in `directory` of which `isSegment` is true. */
  constructor(
    private readonly directory: string,
    private readonly isSegment: (name: string) => boolean,
  ) {}

  async find(turn: TurnId): Promise<Unfinished | undefined> {
    const reading = this.remembered.get(turn);
    return (reading && this.read(turn, reading)) ?? this.search(turn);
  }

  private read(turn: TurnId, reading: TurnReading): Unfinished | undefined {
    this.remembered.delete(turn);
    const found = ifThere(() => reading.now());
    if (found) this.remembered.set(turn, reading);
    return found;
  }

  /** Looks through all segments, and again through those that have appeared until that was done. */
  private async search(turn: TurnId): Promise<Unfinished | undefined> {
    this.forget();
    const seen = new Set<string>();
    for (let names = this.unseen(seen); names.length > 0; names = this.unseen(seen)) {
      for (const name of names) {
        seen.add(name);
        const path = join(this.directory, name);
        // Most segments need not be parsed, and this thread need not wait for them.
        const data = await readFile(path).catch(nothingIfGone);
        const found = data?.includes(turn) && this.read(turn, new TurnReading(path, turn));
        if (found) return found;
      }
    }
    return undefined;
  }

  private unseen(seen: Set<string>): string[] {
    return readdirSync(this.directory).filter((name) => this.isSegment(name) && !seen.has(name));
  }

  private forget(): void {
    const since = performance.now() - REMEMBERED_MS;
    for (const [turn, { lastRead }] of this.remembered) {
      if (lastRead > since) return;
      this.remembered.delete(turn);
    }
  }
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    return nothingIfGone(error);
  }
}

function nothingIfGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
