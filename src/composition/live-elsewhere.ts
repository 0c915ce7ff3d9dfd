import type { LiveElsewhere, LiveFacts, RunningTurnFacts } from '../api/admin/live-elsewhere.ts';
import type { Follower, LiveEvent } from '../api/admin/live-events.ts';
import type { LastMinute } from '../api/admin/watch.ts';
import type { Channel } from '../core/channel.ts';

/** Events are gathered for so many milliseconds before they are told. */
const TOLD_EVERY_MS = 100;
/** Events in that time. Further ones are counted as missed, so that no worker can flood the others. */
const MOST_TOLD = 250;

/** What one worker tells of its events at once. */
interface ToldEvents {
  events: LiveEvent[];
  missed: number;
}

/**
 * What happens in the other workers, for operators. `askOthers` resolves to their answers. The supervisor passes
 * events on (`workers/event-relay.ts`), and tells each worker whether anybody reads its events.
 */
export function openLiveElsewhere(
  channel: Channel,
  askOthers: <Answer>(what: string) => Promise<Answer[]>,
): LiveElsewhere {
  const followers = new Set<Follower>();
  const tellReading = () => channel.tell('events.read', followers.size > 0);
  channel.on('events', ({ events, missed }: ToldEvents) => {
    for (const follower of followers) {
      for (const event of events) follower.happened(event);
      if (missed > 0) follower.missed(missed);
    }
  });
  return {
    running: async () => (await askOthers<RunningTurnFacts[]>('live.running')).flat(),
    lastMinute: () => askOthers<LastMinute>('live.last-minute'),
    follow(follower) {
      followers.add(follower);
      if (followers.size === 1) tellReading();
      return () => {
        if (followers.delete(follower) && followers.size === 0) tellReading();
      };
    },
    answer({ running, lastMinute, follow }) {
      channel.on('live.running', running);
      channel.on('live.last-minute', lastMinute);
      let leave = () => {};
      channel.on('events.wanted', (wanted: boolean) => {
        leave();
        leave = wanted ? tellEvents(channel, follow) : () => {};
      });
      // From now on, the supervisor may ask for events.
      tellReading();
    },
  };
}

/** Tells what happens here until the returned function is called. */
function tellEvents(channel: Channel, follow: LiveFacts['follow']): () => void {
  let untold: ToldEvents | undefined;
  const tell = () => {
    channel.tell('events', untold);
    untold = undefined;
  };
  const gathered = () => {
    if (!untold) setTimeout(tell, TOLD_EVERY_MS).unref();
    untold ??= { events: [], missed: 0 };
    return untold;
  };
  return follow({
    happened(event) {
      const told = gathered();
      if (told.events.length < MOST_TOLD) told.events.push(event);
      else told.missed++;
    },
    missed(events) {
      gathered().missed += events;
    },
  });
}
