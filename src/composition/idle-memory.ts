import type { TurnPath } from '../turn/path.ts';

interface IdleParts {
  sessions: Pick<TurnPath['sessions'], 'forgetUnused'>;
  live: Pick<TurnPath['live'], 'size'>;
}

/**
 * Lets sessions that no turn has continued for `unusedMs` leave the memory; the returned function is called again and
 * again. When most of them have left, their memory is given back: only a full collection frees it, and a process that
 * does little does none by itself. It stops the event loop for up to 0.6 s, so it waits until no turn runs.
 */
export function idleMemory(
  { sessions, live }: IdleParts,
  unusedMs: number,
  collect: () => void = () => Bun.gc(true),
): () => void {
  let isDue = false;
  return () => {
    isDue = sessions.forgetUnused(unusedMs) || isDue;
    if (!isDue || live.size > 0) return;
    isDue = false;
    collect();
  };
}
