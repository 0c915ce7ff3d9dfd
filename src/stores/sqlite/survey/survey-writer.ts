import type { Database } from 'bun:sqlite';
import type { SessionId } from '../../../core/ids.ts';
import type { Tenant } from '../../../core/request.ts';
import {
  HOUR_MS,
  HourlyUsage,
  USAGE_DIMENSIONS,
  type UsageCounts,
  type UsageLabels,
  type UsageOfHour,
} from '../../../core/usage-sums.ts';
import type { SurveyedTurn, Surveyor } from '../../../session/survey-store.ts';
import type { TurnRow } from '../../../session/turn-log.ts';
import { unpackBody } from '../body.ts';
import type { TurnColumns } from '../columns.ts';
import { turnRow } from '../columns.ts';
import type { Statements } from '../statements.ts';
import { searchable, tenantWord } from './searchable.ts';
import addFailureSql from './sql/add-failure.sql' with { type: 'text' };
import addSummarySql from './sql/add-summary.sql' with { type: 'text' };
import addTimeSql from './sql/add-time.sql' with { type: 'text' };
import addTraitSql from './sql/add-trait.sql' with { type: 'text' };
import addTurnSql from './sql/add-turn.sql' with { type: 'text' };
import addUsageSql from './sql/add-usage.sql' with { type: 'text' };
import addWordsSql from './sql/add-words.sql' with { type: 'text' };
import findSummarySql from './sql/find-summary.sql' with { type: 'text' };
import findUsageSql from './sql/find-usage.sql' with { type: 'text' };
import forgetEverythingSql from './sql/forget-everything.sql' with { type: 'text' };
import nextChangesSql from './sql/next-changes.sql' with { type: 'text' };
import nextSessionsSql from './sql/next-sessions.sql' with { type: 'text' };
import nextTurnsSql from './sql/next-turns.sql' with { type: 'text' };
import readProgressSql from './sql/read-progress.sql' with { type: 'text' };
import removeFailureSql from './sql/remove-failure.sql' with { type: 'text' };
import removeSummarySql from './sql/remove-summary.sql' with { type: 'text' };
import removeTagsSql from './sql/remove-tags.sql' with { type: 'text' };
import removeTraitsSql from './sql/remove-traits.sql' with { type: 'text' };
import removeWordsSql from './sql/remove-words.sql' with { type: 'text' };
import sessionNowSql from './sql/session-now.sql' with { type: 'text' };
import setProgressSql from './sql/set-progress.sql' with { type: 'text' };
import turnAtSql from './sql/turn-at.sql' with { type: 'text' };
import { NO_TENANT, type Terms } from './terms.ts';

/** How much is taken from the log in one transaction: some milliseconds' worth, because queries wait meanwhile. */
const AT_ONCE = 250;

interface Progress {
  place: number;
  counted: number;
  change: number;
  tenant: string | null;
  session: string | null;
}

interface Change {
  number: number;
  tenant: Tenant;
  session: SessionId;
  place: number | null;
  last: number | null;
}

interface SessionNow {
  createdAt: number | null;
  tags: string | null;
  hasTurns: number;
  hasVisible: number;
}

type PlacedColumns = TurnColumns & { place: number };

/**
 * Brings the survey up to date with the log, step by step; each step is one transaction with its progress. No statement
 * has a RETURNING clause: it would make FTS5 write the words that it has gathered, as a part of the index of its own.
 */
export class SurveyWriter {
  constructor(
    private readonly db: Database,
    private readonly statements: Statements,
    private readonly terms: Terms,
    private readonly surveyor: Surveyor,
  ) {}

  /** Takes some of what is new in the log; false where nothing was. */
  step(): boolean {
    return this.transact(() => {
      const progress = this.statements.first<Progress>(readProgressSql, {})!;
      const before = JSON.stringify(progress);
      // All changes come first: a place that was erased and given again is taken again.
      const isBehind = this.takeChanges(progress);
      if (!isBehind) this.takeSessions(progress);
      if (!isBehind) this.takeTurns(progress);
      if (JSON.stringify(progress) === before) return false;
      this.statements.run(setProgressSql, { ...progress });
      return true;
    });
  }

  /** The last change of the log that need not be kept for this survey. */
  get change(): number {
    return this.statements.first<Progress>(readProgressSql, {})!.change;
  }

  count(sums: readonly UsageOfHour[]): void {
    this.transact(() => {
      for (const one of sums) this.addUsage(one);
    });
  }

  forgetEverything(): void {
    this.transact(() => this.db.run(forgetEverythingSql));
  }

  private transact<Result>(work: () => Result): Result {
    try {
      return this.db.transaction(work)();
    } catch (error) {
      this.terms.forget();
      throw error;
    }
  }

  /** True where there may be more. */
  private takeChanges(progress: Progress): boolean {
    const { change } = progress;
    const changes = this.statements.all<Change>(nextChangesSql, { change, limit: AT_ONCE });
    for (const { number, tenant, session, place, last } of changes) {
      progress.change = number;
      if (last !== null && last < progress.place) progress.place = last;
      if (last !== null && last < progress.counted) progress.counted = last;
      if (place !== null) this.takeAgain(tenant, session, place, progress.place);
      this.takeSession(tenant, session);
    }
    return changes.length === AT_ONCE;
  }

  private takeAgain(tenant: Tenant, session: SessionId, place: number, until: number): void {
    this.statements.run(removeWordsSql, { place });
    const found = this.statements.first<PlacedColumns>(turnAtSql, { place, tenant, session });
    if (!found) this.statements.run(removeFailureSql, { place });
    else if (place <= until) {
      const row = rowOf(found);
      this.addWords(this.terms.of(NO_TENANT, 'tenant', tenant), place, this.surveyed(row).text);
    }
  }

  /** Sessions that were there before the survey. */
  private takeSessions(progress: Progress): void {
    const { tenant, session } = progress;
    if (tenant === null) return;
    const next = this.statements.all<{ tenant: Tenant; id: SessionId }>(nextSessionsSql, {
      tenant,
      session,
      limit: AT_ONCE,
    });
    for (const found of next) this.takeSession(found.tenant, found.id);
    const last = next.length === AT_ONCE ? next.at(-1) : undefined;
    progress.tenant = last?.tenant ?? null;
    progress.session = last?.id ?? null;
  }

  private takeSession(name: Tenant, session: SessionId): void {
    const now = this.statements.first<SessionNow>(sessionNowSql, { tenant: name, session })!;
    const tenant = this.terms.of(NO_TENANT, 'tenant', name);
    const known = this.summaryOf(tenant, session);
    if (now.createdAt === null && !now.hasTurns) {
      if (known === undefined) return;
      this.statements.run(removeTraitsSql, { number: known });
      this.statements.run(removeSummarySql, { number: known });
      return;
    }
    // The turns of a session without a record bring their own summary.
    if (now.createdAt === null && known === undefined) return;
    const visible = now.createdAt !== null || now.hasVisible ? 1 : 0;
    const createdAt = now.createdAt ?? Number.MAX_SAFE_INTEGER;
    this.statements.run(addSummarySql, { tenant, session, visible, createdAt });
    const number = known ?? this.summaryOf(tenant, session)!;
    this.statements.run(removeTagsSql, { number });
    const tags: string[] = now.tags === null ? [] : JSON.parse(now.tags);
    for (const tag of tags) this.addTrait(number, tenant, 'tag', tag);
  }

  private takeTurns(progress: Progress): void {
    const next = this.statements.all<PlacedColumns>(nextTurnsSql, { place: progress.place, limit: AT_ONCE });
    // Most turns of a step are counted under the same names.
    const usage = new HourlyUsage();
    for (const columns of next) {
      this.takeTurn(rowOf(columns), columns.place, columns.place > progress.counted ? usage : undefined);
      progress.place = columns.place;
    }
    for (const one of usage.take()) this.addUsage(one);
    progress.counted = Math.max(progress.counted, progress.place);
  }

  /** `usage`: what the turn is counted in; absent where it has been counted. */
  private takeTurn(row: TurnRow, place: number, usage: HourlyUsage | undefined): void {
    const turn = this.surveyed(row);
    const { labels, sums, error, endedAt, text } = turn;
    const tenant = this.terms.of(NO_TENANT, 'tenant', row.tenant);
    const number = this.addToSummary(row, turn, tenant);
    this.addTraits(number, tenant, { ...labels, state: row.state, error: error ?? '' });
    if (row.state !== 'completed') this.statements.run(addFailureSql, { place, tenant, at: endedAt });
    this.addWords(tenant, place, text);
    if (sums)
      usage?.add({
        ...sums,
        hour: Math.floor(endedAt / HOUR_MS),
        labels: { ...labels, tenant: row.tenant },
      });
  }

  /** A turn that is damaged is counted as a turn without anything: the survey must not stop at it. */
  private surveyed(row: TurnRow): SurveyedTurn {
    try {
      return this.surveyor(row);
    } catch {
      return { endedAt: row.createdAt, labels: NO_LABELS, text: '' };
    }
  }

  private addToSummary(row: TurnRow, { labels, sums, error, endedAt }: SurveyedTurn, tenant: number): number {
    const name = (kind: string, value: string | undefined) =>
      value ? this.terms.of(tenant, kind, value) : null;
    const { input = 0, output = 0, cost = 0 } = sums ?? {};
    this.statements.run(addTurnSql, {
      ...{ tenant, session: row.session, visible: row.deleted ? 0 : 1, createdAt: row.createdAt, endedAt },
      ...{ failed: row.state === 'failed' ? 1 : 0, input, output, cost },
      ...{
        model: name('model', labels.model),
        key: name('key', labels.key),
        user: name('user', labels.user),
      },
      ...{ state: name('state', row.state), error: name('error', error) },
    });
    return this.summaryOf(tenant, row.session)!;
  }

  /** The number of a session's summary. */
  private summaryOf(tenant: number, session: SessionId): number | undefined {
    return this.statements.first<{ number: number }>(findSummarySql, { tenant, session })?.number;
  }

  private addTraits(number: number, tenant: number, traits: Record<string, string>): void {
    for (const [kind, value] of Object.entries(traits))
      if (value !== '') this.addTrait(number, tenant, kind, value);
  }

  private addTrait(number: number, tenant: number, kind: string, value: string): void {
    this.statements.run(addTraitSql, { number, term: this.terms.of(tenant, kind, value) });
  }

  private addWords(tenant: number, place: number, text: string): void {
    if (text !== '')
      this.statements.run(addWordsSql, { place, text: `${tenantWord(tenant)} ${searchable(text)}` });
  }

  private addUsage({ hour, labels, total, first, ...counts }: UsageOfHour): void {
    const place = { hour, ...this.numbersOf(labels) };
    this.statements.run(addUsageSql, { ...place, ...(counts satisfies UsageCounts) });
    const usage = this.statements.first<{ id: number }>(findUsageSql, place)!.id;
    for (const [kind, times] of [total, first].entries())
      for (const [bucket, count] of Object.entries(times))
        this.statements.run(addTimeSql, { usage, kind, bucket: Number(bucket), count });
  }

  private numbersOf(labels: UsageLabels): Record<string, number> {
    return Object.fromEntries(
      USAGE_DIMENSIONS.map((kind) => [kind, this.terms.of(NO_TENANT, kind, labels[kind])]),
    );
  }
}

const NO_LABELS = { key: '', user: '', model: '', claw: '', alias: '' };

const rowOf = (columns: TurnColumns): TurnRow => turnRow({ ...columns, body: unpackBody(columns.body) });
