import { candidateKey } from '../../core/candidate.ts';
import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { BreakerChange, GatewayEvent } from '../../core/events.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { OverloadLevel } from '../../core/overload.ts';
import type { Tenant } from '../../core/request.ts';
import type { Intent } from '../../core/turn.ts';
import type { NanoDollars } from '../../core/usage.ts';

/** The turn that an event is about. */
interface LiveTurnFacts {
  turn: TurnId;
  tenant: Tenant;
  session: SessionId;
  /** Absent where items were appended without asking a model. */
  asked?: { key: string; model: string };
}

/** What operators see of an event. Never content. Processes tell each other, so it is plain data. */
export type LiveEvent = {
  /** Milliseconds since the epoch. */
  at: number;
} & (
  | ({ type: 'turn-started' } & LiveTurnFacts)
  | ({
      type: 'turn-ended';
      state: Outcome['state'];
      error?: ErrorCode;
      /** The candidate that answered, as `provider/model`. */
      answeredBy?: string;
      ms: number;
      input: number;
      output: number;
      cost?: NanoDollars;
    } & LiveTurnFacts)
  | { type: 'call-failed'; turn: TurnId; candidate: string; code: ErrorCode }
  | { type: 'breaker-changed'; candidate: string; state: BreakerChange['state']; reason?: string }
  | { type: 'overload-changed'; level: OverloadLevel }
);

/** Gets events as they happen. It does little for each, because every turn waits for it. */
export interface Follower {
  happened(event: LiveEvent): void;
  /** So many further events of another process were not told: there were too many at once. */
  missed(events: number): void;
}

/** `undefined` for an event that operators do not need. */
export function liveEventOf(event: GatewayEvent): LiveEvent | undefined {
  switch (event.type) {
    case 'turn-started':
      return { type: event.type, at: Date.now(), ...turnOf(event.intent) };
    case 'turn-ended': {
      const { state, error, answeredBy, usage, cost, completedAt } = event.outcome;
      return {
        ...{ type: event.type, at: Date.now(), ...turnOf(event.intent), state, error: error?.code },
        answeredBy: answeredBy && `${answeredBy.provider}/${answeredBy.model}`,
        ms: completedAt - event.intent.createdAt,
        ...{ input: usage?.input ?? 0, output: usage?.output ?? 0, cost },
      };
    }
    case 'call-failed': {
      const { type, trace, candidate, code } = event;
      return { type, at: Date.now(), turn: trace.id, candidate: candidateKey(candidate), code };
    }
    case 'breaker-changed': {
      const { type, candidate, state } = event;
      const reason = event.state === 'open' ? event.reason : undefined;
      return { type, at: Date.now(), candidate: candidateKey(candidate), state, reason };
    }
    case 'overload-changed':
      return { type: event.type, at: Date.now(), level: event.level };
    default:
      return undefined;
  }
}

const turnOf = (intent: Intent): LiveTurnFacts => ({
  ...{ turn: intent.id, tenant: intent.tenant, session: intent.session },
  ...(intent.kind !== 'append' && { asked: { key: intent.key, model: intent.model } }),
});
