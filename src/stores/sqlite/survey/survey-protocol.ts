import type { SessionId } from '../../../core/ids.ts';
import type { Tenant } from '../../../core/request.ts';
import type { UsageOfHour } from '../../../core/usage-sums.ts';
import type {
  SearchHit,
  SearchQuery,
  SessionFilter,
  SessionSummary,
  SurveyPage,
  SurveyPageQuery,
  TurnFacts,
  UsageQuery,
  UsageRow,
} from '../../../session/survey-store.ts';
import type { TurnRow } from '../../../session/turn-log.ts';

/** What the survey's thread can be asked. */
export interface SurveyCalls {
  open(files: { path: string; logPath: string; follows: boolean }): void;
  refresh(): void;
  sessions(tenant: Tenant, filter: SessionFilter, page: SurveyPageQuery): SurveyPage<SessionSummary>;
  session(tenant: Tenant, id: SessionId): SessionSummary | undefined;
  outline(tenant: Tenant, session: SessionId): TurnFacts[];
  search(tenant: Tenant, query: SearchQuery): SurveyPage<SearchHit>;
  failures(tenant: Tenant, page: SurveyPageQuery): SurveyPage<TurnRow>;
  count(sums: readonly UsageOfHour[]): void;
  usage(query: UsageQuery): UsageRow[];
  tenants(): Tenant[];
  rebuild(): void;
  /** The last change of the log that the survey has seen. */
  change(): number;
  close(): void;
}

/** One question; the answer has the same number. */
export interface SurveyRequest {
  number: number;
  name: keyof SurveyCalls;
  args: unknown[];
}

/** What became of the request with this number. */
export type SurveyReply = { number: number } & ({ value: unknown } | { failure: string });
