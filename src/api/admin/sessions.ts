import { Fault } from '../../core/errors.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { Session, SessionRef, Turn } from '../../core/turn.ts';
import type { SessionValue } from '../../core/values.ts';
import { sessionNotFound } from '../../session/session-names.ts';
import { hydratedTurn } from '../../session/stored-turn.ts';
import type {
  SessionFilter,
  SessionSummary,
  SurveyPage,
  SurveyPageQuery,
  SurveyStore,
  TurnFacts,
} from '../../session/survey-store.ts';
import { searchText } from '../../session/surveyed-turn.ts';
import type { TurnRow } from '../../session/turn-log.ts';
import type { TurnPath } from '../../turn/path.ts';
import type { Pins, PinView } from '../pins.ts';
import { costOfEverything, type EverythingCost } from '../responses.ts';
import { freshened } from './fresh.ts';
import { snippetOf } from './snippet.ts';
import type { AdminTurns } from './turns.ts';

/** A stored turn with its content. */
export interface StoredTurnView {
  turn: Turn;
  /** Items that are hidden, as `i0`, `o2`. */
  hidden: readonly string[];
  deleted: boolean;
  line: number | null;
  tokens: number;
  totalTokens: number;
  /** As in `AnsweredReceipt`. */
  everything?: EverythingCost;
}

/** A turn in which words were found. */
export interface Found {
  session: SessionSummary | undefined;
  turn: TurnId;
  createdAt: number;
  /** Text around the words; `[` and `]` enclose what was found. */
  snippet: string;
}

/** One session with everything beside its turns. */
export interface SessionDetail {
  summary: SessionSummary;
  values: SessionValue[];
  pins: PinView[];
}

/** What may change of a session. Absent fields stay; `null` removes the name. */
export interface SessionChange {
  name?: string | null;
  tags?: readonly string[];
  metadata?: Record<string, string>;
}

type Parts = Pick<
  TurnPath,
  'log' | 'values' | 'blobs' | 'indexer' | 'journal' | 'sessions' | 'clock' | 'directory'
>;

/** What operators may do with the sessions of a tenant. */
export class AdminSessions {
  constructor(
    private readonly path: Parts,
    private readonly survey: SurveyStore,
    private readonly pins: Pick<Pins, 'list'>,
    private readonly allTurns: Pick<AdminTurns, 'running'>,
  ) {}

  async list(
    tenant: Tenant,
    filter: SessionFilter,
    page: SurveyPageQuery,
  ): Promise<SurveyPage<SessionSummary>> {
    await freshened(this.survey);
    return this.survey.sessions(tenant, filter, page);
  }

  /** `session_not_found` where the tenant has no such session, by its id or its name. */
  async summary(tenant: Tenant, ref: SessionRef): Promise<SessionSummary> {
    await freshened(this.survey);
    const id = 'id' in ref ? ref.id : (await this.path.log.findSession(tenant, ref))?.id;
    const found = id && (await this.survey.session(tenant, id));
    if (!found) throw sessionNotFound(ref);
    return found;
  }

  /** The session that a deletion means. With `erase`, its id also leads to one that is deleted and has turns left. */
  async removable(tenant: Tenant, ref: SessionRef, erase: boolean): Promise<SessionId> {
    const hasTurns = erase && 'id' in ref && (await this.path.log.readTree(tenant, ref.id)).length > 0;
    return hasTurns ? ref.id : (await this.summary(tenant, ref)).id;
  }

  async detail(tenant: Tenant, ref: SessionRef): Promise<SessionDetail> {
    const summary = await this.summary(tenant, ref);
    const record = await this.path.log.findSession(tenant, { id: summary.id });
    const [values, pins] = await Promise.all([
      this.path.values.listValues(tenant, summary.id),
      record ? this.pins.list(record) : [],
    ]);
    return { summary, values, pins };
  }

  outline(tenant: Tenant, session: SessionId): Promise<TurnFacts[]> {
    return this.survey.outline(tenant, session);
  }

  /** Turns with their content, in the order of `ids`. Unknown ones are left out. */
  async turns(tenant: Tenant, ids: readonly TurnId[]): Promise<StoredTurnView[]> {
    const found = await Promise.all(ids.map((id) => this.turn(tenant, id)));
    return found.filter((turn) => turn !== undefined);
  }

  async turn(tenant: Tenant, id: TurnId): Promise<StoredTurnView | undefined> {
    const row = await this.path.log.readTurn(tenant, id);
    return row && this.view(row);
  }

  async search(
    tenant: Tenant,
    query: { phrases: readonly string[]; session?: SessionId } & SurveyPageQuery,
  ): Promise<SurveyPage<Found>> {
    await freshened(this.survey);
    const { entries, next } = await this.survey.search(tenant, query);
    const found = await Promise.all(entries.map(({ row }) => this.found(row, query.phrases)));
    return { entries: found, ...(next && { next }) };
  }

  /**
   * Changes the name, the tags or the metadata. A session without a record gets one. `session_name_taken` where
   * another session has the name.
   */
  async change(tenant: Tenant, id: SessionId, change: SessionChange): Promise<void> {
    const { log, sessions } = this.path;
    const record = (await log.findSession(tenant, { id })) ?? (await this.record(tenant, id));
    const { name = record.name, tags = record.tags, metadata } = change;
    if (change.name !== undefined || change.tags !== undefined) {
      const labelled = await log.labelSession(tenant, id, { name: name ?? undefined, tags });
      if (labelled === 'taken')
        throw new Fault('session_name_taken', `Another session has the name '${name}'.`, { param: 'name' });
      if (!labelled) throw sessionNotFound({ id });
      await sessions.forget(record);
    }
    if (metadata) await log.updateSession(tenant, id, metadata);
  }

  /** Makes a turn of the session its head: the next turn follows it. */
  async rewind(tenant: Tenant, id: SessionId, turn: TurnId): Promise<void> {
    const record = (await this.path.log.findSession(tenant, { id })) ?? (await this.record(tenant, id));
    const moved = await this.path.log.rewind(tenant, turn);
    if (moved === 'busy')
      throw new Fault('session_busy', 'A turn of the session runs now.', { retryAfter: 1 });
    if (!moved) throw turnNotFound(turn);
    await this.path.sessions.forget(record);
  }

  /**
   * Deletes the session: nobody finds it or its turns any more. With `erase`, its content is erased from the
   * store too, which takes back what was freed. `session_busy` while one of its turns runs.
   */
  async remove(tenant: Tenant, id: SessionId, erase: boolean): Promise<void> {
    const { log, sessions, journal, blobs, indexer } = this.path;
    const running = await this.allTurns.running(tenant);
    if (running.some(({ session }) => session === id))
      throw new Fault('session_busy', 'A turn of the session runs now.', { retryAfter: 1 });
    const record = await log.findSession(tenant, { id });
    if (erase) {
      await log.erase(tenant, id);
      await journal.erase(tenant, id);
      await blobs.erase(tenant, id);
    } else {
      await log.deleteSession(tenant, id);
      const turns = await log.readTree(tenant, id);
      await Promise.all(turns.map((turn) => log.amendTurn(tenant, turn.id, { deleted: true })));
    }
    await indexer.forget(tenant, id);
    // Also a chain of responses without a record: another worker may have its past in memory.
    await sessions.forget(record ?? { tenant, id });
    await freshened(this.survey);
  }

  /** Makes a record for a chain of responses, with its latest turn as the head. */
  private async record(tenant: Tenant, id: SessionId): Promise<Session> {
    const tree = await this.path.log.readTree(tenant, id);
    const head = tree.findLast(({ line }) => line === 0)?.id;
    if (head === undefined) throw sessionNotFound({ id });
    const first = await this.path.log.readTurn(tenant, tree[0]!.id);
    const createdAt = first?.createdAt ?? this.path.clock();
    return this.path.log.createSession({ id, tenant, createdAt, metadata: {}, head, edits: 0 });
  }

  private async view(row: TurnRow): Promise<StoredTurnView> {
    const { hidden, deleted, line, tokens, totalTokens } = row;
    const turn = await hydratedTurn(row, this.path.blobs);
    const everything = turn.kind === 'ask' ? costOfEverything(turn, this.path.directory) : undefined;
    return { turn, hidden, deleted, line, tokens, totalTokens, ...(everything && { everything }) };
  }

  private async found(row: TurnRow, phrases: readonly string[]): Promise<Found> {
    const { turn, hidden } = await this.view(row);
    return {
      session: await this.survey.session(row.tenant, row.session),
      turn: row.id,
      createdAt: row.createdAt,
      snippet: snippetOf(searchText(turn, hidden), phrases),
    };
  }
}

const turnNotFound = (turn: TurnId): Fault =>
  new Fault('turn_not_found', `The session has no turn 'resp_${turn}' that could be its head.`);
