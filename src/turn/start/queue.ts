import type { WaitingIntent } from '../../core/turn.ts';
import type { Hold } from '../../limits/hold.ts';
import { offloadedIntent } from '../../session/stored-turn.ts';
import { LiveTurn } from '../live/live-turn.ts';
import type { TurnPath } from '../path.ts';
import type { Start } from './start.ts';

/**
 * Accepts a turn that runs later, when its session and a slot are free. It is journaled, so that it
 * survives the process. Rejects with `queue_full`, or where the state that the turn continues does not exist.
 */
export async function enqueue(intent: WaitingIntent, hold: Hold | undefined, path: TurnPath): Promise<Start> {
  const session = await path.sessions.expect(intent.tenant, intent.state, intent.session);
  const leaveQueue = path.slots.accept();
  try {
    const written = path.journal.begin(await offloadedIntent(intent, path.blobs));
    if (written) await written;
  } catch (error) {
    leaveQueue();
    throw error;
  }
  const live = new LiveTurn(intent, session);
  if (hold) live.noteQuota(hold.quota);
  live.acknowledge();
  path.live.add(live, intent);
  return { by: 'queue', intent, live, hold, leaveQueue };
}
