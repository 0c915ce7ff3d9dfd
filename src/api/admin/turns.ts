import type { ErrorCode } from '../../core/error-catalogue.ts';
import { Fault } from '../../core/errors.ts';
import { responseId, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import { type AnsweredTurn, isKept, type Turn } from '../../core/turn.ts';
import { Cancelled, type TurnView } from '../../core/turn-view.ts';
import { decodeTurn } from '../../session/stored-turn.ts';
import type { SurveyPage, SurveyPageQuery, SurveyStore } from '../../session/survey-store.ts';
import { findTurn } from '../../turn/live/find-turn.ts';
import type { TurnPath } from '../../turn/path.ts';
import { freshened } from './fresh.ts';
import type { LiveElsewhere, RunningTurnFacts } from './live-elsewhere.ts';
import type { Watch } from './watch.ts';

/** A turn that did not complete. */
export interface FailedTurnFacts {
  turn: Turn;
  /** No model had begun to answer it: it could not start, or every call failed. */
  neverBegan: boolean;
}

type Parts = Pick<TurnPath, 'live' | 'log' | 'blobs' | 'feed' | 'clock'>;

/** What operators may do with turns. */
export class AdminTurns {
  constructor(
    private readonly path: Parts,
    private readonly survey: SurveyStore,
    private readonly watch: Watch,
    private readonly elsewhere?: LiveElsewhere,
  ) {}

  /** The turns that run in the processes of this gateway, oldest first; of one tenant, or of all. */
  async running(tenant?: Tenant): Promise<RunningTurnFacts[]> {
    const elsewhere = (await this.elsewhere?.running()) ?? [];
    const all = [...this.here(), ...elsewhere].filter(
      (turn) => tenant === undefined || turn.tenant === tenant,
    );
    return elsewhere.length > 0 ? all.sort((one, other) => one.createdAt - other.createdAt) : all;
  }

  /** Those that run in this process. */
  here(): RunningTurnFacts[] {
    const now = this.path.clock();
    return this.path.live.all.map((live) => {
      const { id: turn, tenant: of, session, key, user, model, createdAt } = live.asked;
      const code = this.watch.deferred(turn);
      const by = live.receipt?.candidate;
      return {
        ...{ turn, tenant: of, session, key, model, createdAt, ageMs: now - createdAt },
        ...(user !== undefined && { user }),
        state: stateOf(live, code),
        ...(code && { code }),
        ...(by && { answering: `${by.provider}/${by.model}` }),
        isKept: isKept(live.retention),
      };
    });
  }

  /** A turn, running or ended; `turn_not_found` where the tenant has none. */
  async view(tenant: Tenant, id: TurnId): Promise<TurnView> {
    const view = await findTurn(tenant, id, this.path);
    if (!view) throw new Fault('turn_not_found', `Turn '${responseId(id)}' not found.`);
    return view;
  }

  /** Stops a running turn, in whichever process it runs. A turn that has ended is `not_cancellable`. */
  async cancel(tenant: Tenant, id: TurnId): Promise<AnsweredTurn> {
    const view = await this.view(tenant, id);
    if (view.state === 'ended')
      throw new Fault('not_cancellable', `Turn ${responseId(id)} has ended already.`);
    const here = this.path.live.get(tenant, id);
    if (here) here.stop(new Cancelled('The operator cancelled the turn.'));
    else await this.path.feed.requestCancel(id);
    return view.ended;
  }

  /** Turns that did not complete, the latest first. */
  async failures(tenant: Tenant, page: SurveyPageQuery): Promise<SurveyPage<FailedTurnFacts>> {
    await freshened(this.survey);
    const { entries, next } = await this.survey.failures(tenant, page);
    const failed = entries.map((row) => {
      const { turn } = decodeTurn(row);
      return { turn, neverBegan: turn.answeredBy === undefined };
    });
    return { entries: failed, ...(next && { next }) };
  }
}

function stateOf({ state, receipt }: TurnView, code: ErrorCode | undefined): RunningTurnFacts['state'] {
  if (code) return 'deferred';
  if (state === 'queued') return 'waiting';
  return receipt ? 'answering' : 'calling';
}
