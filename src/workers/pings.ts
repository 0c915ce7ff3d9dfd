import type { Channel } from '../core/channel.ts';

const EVERY_MS = 2_000;
/** The answer to each ping has two seconds, so a worker hangs for 10 to 12 seconds before it is given up. */
const MOST_UNANSWERED = 5;

/**
 * Pings the process at the other end again and again, and calls `onSilence` once when it has answered none of the
 * last five pings. Pings count, and not the time: after a pause of the machine or of this process, the other one has
 * its time for an answer as before. The returned function ends it.
 */
export function watchPings(channel: Channel, onSilence: () => void, everyMs = EVERY_MS): () => void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered === MOST_UNANSWERED) {
      clearInterval(timer);
      onSilence();
      return;
    }
    unanswered++;
    channel.ask('ping').then(
      () => {
        unanswered = 0;
      },
      () => {},
    );
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
