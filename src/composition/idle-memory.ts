import type { TurnPath } from '../turn/path.ts';

interface IdleParts {
  sessions: Pick<TurnPath['sessions'], 'forgetUnused'>;
  live: Pick<TurnPath['live'], 'size' | 'begun'>;
}

/** The memory of the process. */
interface ProcessMemory {
  /** Resident memory, in bytes. */
  resident(): number;
  /** A full collection. It stops the event loop, usually for less than 0.1 s, and for up to 0.6 s on a busy machine. */
  collect(): void;
}

const OWN: ProcessMemory = { resident: () => process.memoryUsage.rss(), collect: () => Bun.gc(true) };

/** Growth since the least that was seen after the last collection. */
const GROWN_BYTES = 48 * 2 ** 20;

/**
 * Lets sessions that no turn has continued for `unusedMs` leave the memory, and gives memory back that is not needed any
 * more: only a full collection frees what has become old, and a process that does little does none by itself. The
 * returned function is called again and again. It collects where most sessions have left, or where the process has
 * grown, and only where no turn runs and none has begun since the last call.
 */
export function idleMemory({ sessions, live }: IdleParts, unusedMs: number, memory = OWN): () => void {
  let haveSessionsLeft = false;
  let begun = live.begun;
  let least = memory.resident();
  return () => {
    haveSessionsLeft = sessions.forgetUnused(unusedMs) || haveSessionsLeft;
    const isIdle = live.size === 0 && live.begun === begun;
    begun = live.begun;
    const resident = memory.resident();
    least = Math.min(least, resident);
    if (!isIdle || (!haveSessionsLeft && resident < least + GROWN_BYTES)) return;
    haveSessionsLeft = false;
    memory.collect();
    least = memory.resident();
  };
}
