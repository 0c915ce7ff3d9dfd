import type { Emit } from '../../core/events.ts';
import { pause } from '../../core/pause.ts';
import type { TurnLog } from '../../session/turn-log.ts';
import type { VectorScope, VectorStore } from '../../session/vector-store.ts';

/** Sessions that are looked at at once, and the pause after them: a million sessions take a few minutes. */
const PAGE = 200;
const PAUSE_MS = 50;

/**
 * Erases the vectors of sessions that the log no longer has: a process may have died between the deletion of a session
 * and that of its vectors, or the log may have been restored from a backup. Once after a start. Never rejects.
 */
export async function sweepVectors(
  { log, vectors, emit }: { log: Pick<TurnLog, 'findSession'>; vectors: VectorStore; emit: Emit },
  signal: AbortSignal,
): Promise<void> {
  try {
    let after: Pick<VectorScope, 'tenant' | 'session'> | undefined;
    for (;;) {
      await pause(PAUSE_MS, signal);
      const page = await vectors.sessionsWithVectors(after, PAGE);
      for (const { tenant, session } of page) {
        if (await log.findSession(tenant, { id: session })) continue;
        await vectors.eraseVectors(tenant, session);
      }
      if (page.length < PAGE) return;
      after = page.at(-1);
    }
  } catch (failure) {
    if (!signal.aborted)
      emit({ type: 'store-failed', during: 'erasing vectors of deleted sessions', failure });
  }
}
