import type { Tenant } from '../../core/request.ts';
import type { SurveyStore, UsageQuery, UsageRow } from '../../session/survey-store.ts';
import type { TurnPath } from '../../turn/path.ts';
import type { Pins } from '../pins.ts';
import { AdminClaws } from './claws.ts';
import { AdminCopies } from './copies.ts';
import { freshened } from './fresh.ts';
import type { LiveElsewhere } from './live-elsewhere.ts';
import type { Follower } from './live-events.ts';
import { AdminSessions } from './sessions.ts';
import { AdminTurns } from './turns.ts';
import { type LastMinute, together, type Watch } from './watch.ts';

/** What operators may do, for the management API. The server has checked that the caller may. */
export interface Admin {
  sessions: AdminSessions;
  copies: AdminCopies;
  turns: AdminTurns;
  claws: AdminClaws;
  /** Calls `follower` with the events of all processes of the gateway, until the returned function is called. */
  follow(follower: Follower): () => void;
  /** What all processes of the gateway took in the last minute. */
  lastMinute(): Promise<LastMinute>;
  /** Sums of usage, up to date. */
  usage(query: UsageQuery): Promise<UsageRow[]>;
  tenants(): Promise<Tenant[]>;
  /** Makes the survey again from the log. */
  rebuild(): Promise<void>;
}

/** What the management API needs beside the turn path. */
export interface AdminParts {
  survey: SurveyStore;
  watch: Watch;
  /** Absent: there is no other process. */
  elsewhere?: LiveElsewhere;
}

export function openAdmin(path: TurnPath, { survey, watch, elsewhere }: AdminParts, pins: Pins): Admin {
  const turns = new AdminTurns(path, survey, watch, elsewhere);
  elsewhere?.answer({
    running: () => turns.here(),
    lastMinute: () => watch.lastMinute,
    follow: (follower) => watch.follow(follower),
  });
  return {
    sessions: new AdminSessions(path, survey, pins, turns),
    copies: new AdminCopies(path),
    turns,
    claws: new AdminClaws(path, survey, watch),
    follow(follower) {
      const leave = [watch.follow(follower), elsewhere?.follow(follower)];
      return () => {
        for (const one of leave) one?.();
      };
    },
    async lastMinute() {
      return together([watch.lastMinute, ...((await elsewhere?.lastMinute()) ?? [])]);
    },
    async usage(query) {
      await countUnkept(watch, survey);
      await freshened(survey);
      return survey.usage(query);
    },
    async tenants() {
      await freshened(survey);
      return survey.tenants();
    },
    rebuild: () => survey.rebuild(),
  };
}

/** Adds the turns that are not in the log to the sums of usage. What fails is added the next time. */
export async function countUnkept(watch: Watch, survey: Pick<SurveyStore, 'count'>): Promise<void> {
  const sums = watch.takeUncounted();
  if (sums.length === 0) return;
  try {
    await survey.count(sums);
  } catch (error) {
    watch.giveBack(sums);
    throw error;
  }
}
