import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TurnId } from '../../core/ids.ts';
import type { Unfinished } from '../../session/journal.ts';
import { linesOf, OpenTurns } from './journal-lines.ts';

const NEWLINE = 10;
/** How long it is remembered where a turn is, so that the next look at it reads only what it has got since. */
const REMEMBERED_MS = 10_000;

/** One turn, read from a segment that somebody may be writing. */
export class TurnReading {
  lastRead = 0;
  private readonly open = new OpenTurns();
  private offset = 0;

  constructor(
    private readonly path: string,
    private readonly turn: TurnId,
  ) {}

  /** The turn as far as it has come by now; `undefined` where it is not in the segment, or has ended. */
  now(): Unfinished | undefined {
    this.lastRead = performance.now();
    const data = readFrom(this.path, this.offset);
    // What follows the last line break is being written, or was cut short.
    const whole = data.lastIndexOf(NEWLINE) + 1;
    this.offset += whole;
    this.open.read(linesOf(this.turn, data.toString('utf8', 0, whole)));
    const found = this.open.turns.get(this.turn);
    return found && { intent: found.intent, deltas: [...found.deltas] };
  }
}

/**
 * Finds turns of other processes in their segments, as they stand. Segments come and go meanwhile: one that
 * is gone held nothing that was unfinished, or bears another name by now.
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
        // Most segments need not be taken apart, and this thread need not wait for them.
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

function readFrom(path: string, offset: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const data = Buffer.allocUnsafe(Math.max(0, fstatSync(file).size - offset));
    return data.subarray(0, readSync(file, data, 0, data.length, offset));
  } finally {
    closeSync(file);
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
