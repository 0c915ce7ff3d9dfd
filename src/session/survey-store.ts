import type { SessionId, TurnId } from '../core/ids.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Tenant } from '../core/request.ts';
import type { UsageDimension, UsageLabels, UsageOfHour, UsageSums } from '../core/usage-sums.ts';
import type { TurnRow } from './turn-log.ts';

/**
 * What the survey takes from a turn. `session/surveyed-turn.ts` makes it of a stored turn; it depends on the row
 * alone, so that the survey can be made again.
 */
export interface SurveyedTurn {
  /** When the turn ended, milliseconds since the epoch. */
  endedAt: number;
  labels: Omit<UsageLabels, 'tenant'>;
  /** Absent where nothing is counted: items were appended, imported or copied. */
  sums?: UsageSums;
  error?: string;
  /** The text to search in, without hidden items; `''` where the turn is no part of a session. */
  text: string;
}

/** Makes what the survey needs of a stored turn. */
export type Surveyor = (row: TurnRow) => SurveyedTurn;

/** One session at a glance: the sums of its turns, and the latest turn. */
export interface SessionSummary {
  tenant: Tenant;
  id: SessionId;
  /** Absent where the session has no record, or no name. */
  name?: string;
  tags: readonly string[];
  metadata: Readonly<Record<string, string>>;
  /** False for a chain of responses that no caller has named. */
  hasRecord: boolean;
  head: TurnId | null;
  createdAt: number;
  /** When its latest turn ended; `createdAt` while it has none. */
  updatedAt: number;
  /** Every turn that is stored, also one that its caller has deleted. */
  turns: number;
  failed: number;
  /** Tokens of all calls. */
  input: number;
  output: number;
  /** Nanodollars. */
  cost: number;
  /** Of the latest turn: `provider/model` that answered, the key and the user that asked, how it ended. */
  model?: string;
  key?: string;
  user?: string;
  state?: Outcome['state'];
  error?: string;
}

/** Names that a session has if one of its turns has them; `tag` is the session's own. */
export const SESSION_TRAITS = ['key', 'user', 'model', 'claw', 'alias', 'state', 'error', 'tag'] as const;
/** One of them. */
export type SessionTrait = (typeof SESSION_TRAITS)[number];

/** Which sessions to list. All that is given must hold. Times in milliseconds, costs in nanodollars. */
export interface SessionFilter extends Partial<Record<SessionTrait, string>> {
  /** The whole name, or its beginning followed by `*`. */
  name?: string;
  /** The latest turn ended at `since` or later, and before `until`. */
  since?: number;
  until?: number;
  minCost?: number;
  maxCost?: number;
  /** Of input and output together. */
  minTokens?: number;
  maxTokens?: number;
}

/** A position in a list that is ordered by time; opaque to callers. */
export type SurveyCursor = readonly [at: number, place: number];

/** One page. A page may have fewer entries than were asked for, and yet `next`: a query reads a bounded part. */
export interface SurveyPage<Entry> {
  entries: Entry[];
  /** Where the next page begins; absent where nothing follows. */
  next?: SurveyCursor;
}

/** Which entries to read. */
export interface SurveyPageQuery {
  after?: SurveyCursor;
  /** 1 to 100. */
  limit: number;
}

/** A turn of a session's tree, without its content. */
export interface TurnFacts {
  id: TurnId;
  parent: TurnId | null;
  createdAt: number;
  state: Outcome['state'];
  /** As its caller named it; `''` where items were appended. */
  model: string;
  /** Context tokens of the turn, and of the branch up to it. */
  tokens: number;
  totalTokens: number;
  /** `TurnRow.line`. */
  line: number | null;
  deleted: boolean;
}

/** A turn in which the words were found. */
export interface SearchHit {
  row: TurnRow;
}

/** What to search for. */
export interface SearchQuery extends SurveyPageQuery {
  /** All of them must occur in a turn; none is empty. A phrase has several words; `*` at its end stands for any rest. */
  phrases: readonly string[];
  /** Only in this session. */
  session?: SessionId;
}

/** Which sums to read. Hours since the epoch; `untilHour` is exclusive. */
export interface UsageQuery {
  fromHour: number;
  untilHour: number;
  /** Only turns with these names. */
  where: Partial<UsageLabels>;
  by: readonly UsageDimension[];
  /** The hours that one row covers together, aligned to the epoch; absent for all. */
  hours?: number;
}

/** The sums under some names. */
export interface UsageRow extends UsageSums {
  labels: Partial<UsageLabels>;
  /** The first hour that the row covers, where `hours` was asked for. */
  hour?: number;
}

/**
 * The survey: what is derived from the log for operators. Summaries of sessions, the text to search in, sums of
 * usage. It is behind the log by at most some seconds, and up to date after `refresh`. It never slows a commit, a
 * crash loses nothing of it, and it can be made again from the log. Implementations pass
 * `tests/conformance/survey-store.ts`.
 *
 * Sums of usage stay when a session is erased. Everything else of a session is gone with it; hidden items and
 * deleted turns are not found. Failures reject with `store_unavailable`.
 */
export interface SurveyStore {
  /** Resolves when the survey has everything that was in the log at this moment. */
  refresh(): Promise<void>;
  /** The tenant's sessions, those with the latest turn first. */
  sessions(tenant: Tenant, filter: SessionFilter, page: SurveyPageQuery): Promise<SurveyPage<SessionSummary>>;
  session(tenant: Tenant, id: SessionId): Promise<SessionSummary | undefined>;
  /** All turns of a session, in the order in which they were committed. */
  outline(tenant: Tenant, session: SessionId): Promise<TurnFacts[]>;
  /** The tenant's turns with these words, the latest first. Words count without case and accents. */
  search(tenant: Tenant, query: SearchQuery): Promise<SurveyPage<SearchHit>>;
  /** Turns that did not complete, the latest first. */
  failures(tenant: Tenant, page: SurveyPageQuery): Promise<SurveyPage<TurnRow>>;
  /** Adds the sums of turns that are not in the log. */
  count(sums: readonly UsageOfHour[]): Promise<void>;
  usage(query: UsageQuery): Promise<UsageRow[]>;
  /** All tenants that have a session or a turn. */
  tenants(): Promise<Tenant[]>;
  /** Forgets the summaries and the text and makes them again from the log; sums of usage stay as they are. */
  rebuild(): Promise<void>;
  close(): Promise<void>;
}
