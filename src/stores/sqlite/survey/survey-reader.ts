import type { SessionId, TurnId } from '../../../core/ids.ts';
import type { Tenant } from '../../../core/request.ts';
import {
  addSums,
  emptySums,
  USAGE_DIMENSIONS,
  type UsageCounts,
  type UsageLabels,
} from '../../../core/usage-sums.ts';
import {
  SESSION_TRAITS,
  type SearchHit,
  type SearchQuery,
  type SessionFilter,
  type SessionSummary,
  type SurveyCursor,
  type Surveyor,
  type SurveyPage,
  type SurveyPageQuery,
  type TurnFacts,
  type UsageQuery,
  type UsageRow,
} from '../../../session/survey-store.ts';
import type { TurnRow } from '../../../session/turn-log.ts';
import { unpackBody } from '../body.ts';
import type { TurnColumns } from '../columns.ts';
import { turnRow } from '../columns.ts';
import type { Statements } from '../statements.ts';
import { type Phrases, quoted } from './phrases.ts';
import { tenantWord } from './searchable.ts';
import findSummarySql from './sql/find-summary.sql' with { type: 'text' };
import findWordsSql from './sql/find-words.sql' with { type: 'text' };
import numbersOfCostSql from './sql/numbers-of-cost.sql' with { type: 'text' };
import numbersOfNameSql from './sql/numbers-of-name.sql' with { type: 'text' };
import numbersOfTermSql from './sql/numbers-of-term.sql' with { type: 'text' };
import numbersOfTokensSql from './sql/numbers-of-tokens.sql' with { type: 'text' };
import outlineSql from './sql/outline.sql' with { type: 'text' };
import recentFailuresSql from './sql/recent-failures.sql' with { type: 'text' };
import sessionsAmongSql from './sql/sessions-among.sql' with { type: 'text' };
import sessionsRecentSql from './sql/sessions-recent.sql' with { type: 'text' };
import termsOfKindSql from './sql/terms-of-kind.sql' with { type: 'text' };
import turnsAtSql from './sql/turns-at.sql' with { type: 'text' };
import usageRowsSql from './sql/usage-rows.sql' with { type: 'text' };
import usageTimesSql from './sql/usage-times.sql' with { type: 'text' };
import windowEndSql from './sql/window-end.sql' with { type: 'text' };
import { NO_TENANT, type Terms } from './terms.ts';

/** A filter that at most so many sessions pass is read first; otherwise the latest sessions are, one by one. */
const FEW = 1_000;
/** How many of the latest sessions are looked at for one page: some ten milliseconds' worth. */
const WINDOW = 10_000;
/** How many places of words are looked at at once for a page, and how often: where few of them have the phrases. */
const WORDS_AT_ONCE = 200;
const ROUNDS = 5;

const NEVER = Number.MAX_SAFE_INTEGER;
const FIRST: SurveyCursor = [NEVER, NEVER];

interface SummaryColumns {
  number: number;
  session: SessionId;
  updatedAt: number;
  createdAt: number;
  turns: number;
  failed: number;
  input: number;
  output: number;
  cost: number;
  model: string | null;
  key: string | null;
  user: string | null;
  state: SessionSummary['state'] | null;
  error: string | null;
  hasRecord: number;
  name: string | null;
  head: string | null;
  tags: string | null;
  metadata: string | null;
}

type PlacedColumns = TurnColumns & { place: number };
type Numbers = { number: number }[];
type UsageColumns = UsageCounts & { id: number; hour: number } & Record<keyof UsageLabels, number>;

/** Answers questions about the survey. */
export class SurveyReader {
  constructor(
    private readonly statements: Statements,
    private readonly terms: Terms,
    private readonly surveyor: Surveyor,
    private readonly phrases: Phrases,
  ) {}

  sessions(name: Tenant, filter: SessionFilter, page: SurveyPageQuery): SurveyPage<SessionSummary> {
    const tenant = this.terms.find(NO_TENANT, 'tenant', name);
    const terms = tenant === undefined ? undefined : this.termsOf(tenant, filter);
    if (tenant === undefined || !terms) return { entries: [] };
    const [at, place] = page.after ?? FIRST;
    const names = nameRange(filter.name);
    const values = {
      ...{ tenantName: name, terms: JSON.stringify(terms), nameFrom: names?.from ?? null },
      ...{ nameTo: names?.to ?? null, since: filter.since ?? 0, until: filter.until ?? NEVER },
      ...{ minCost: filter.minCost ?? 0, maxCost: filter.maxCost ?? NEVER },
      ...{ minTokens: filter.minTokens ?? 0, maxTokens: filter.maxTokens ?? NEVER },
      ...{ at: Math.min(at, filter.until ?? NEVER), place, limit: page.limit + 1 },
    };
    const few = this.fewOf(tenant, name, filter, terms);
    if (few) {
      const numbers = JSON.stringify(few.map(({ number }) => number));
      return pageOf(
        this.statements.all<SummaryColumns>(sessionsAmongSql, { ...values, numbers }),
        page,
        name,
      );
    }
    const window = { tenant, window: WINDOW };
    const rows = this.statements.all<SummaryColumns>(sessionsRecentSql, { ...values, ...window });
    const found = pageOf(rows, page, name);
    if (found.next) return found;
    const { since, at: from } = values;
    const end = this.statements.first<{ at: number; place: number }>(windowEndSql, {
      ...{ ...window, since, at: from, place },
    });
    return end ? { ...found, next: [end.at, end.place] } : found;
  }

  session(name: Tenant, session: SessionId): SessionSummary | undefined {
    const tenant = this.terms.find(NO_TENANT, 'tenant', name);
    if (tenant === undefined) return undefined;
    const known = this.statements.first<{ number: number }>(findSummarySql, { tenant, session });
    if (!known) return undefined;
    const values = {
      ...{ tenantName: name, terms: '[]', nameFrom: null, nameTo: null, since: 0, until: NEVER },
      ...{ minCost: 0, maxCost: NEVER, minTokens: 0, maxTokens: NEVER, at: NEVER, place: NEVER, limit: 1 },
    };
    const numbers = JSON.stringify([known.number]);
    const [row] = this.statements.all<SummaryColumns>(sessionsAmongSql, { ...values, numbers });
    return row && summaryOf(row, name);
  }

  outline(tenant: Tenant, session: SessionId): TurnFacts[] {
    const rows = this.statements.all<Omit<TurnColumns, 'tenant' | 'session'>>(outlineSql, {
      tenant,
      session,
    });
    return rows.map((columns) => {
      const row = turnRow({ ...columns, tenant, session, metadata: null, hidden: null, body: '' });
      const { id, parent, createdAt, state, model, tokens, totalTokens, line, deleted } = row;
      return { id, parent, createdAt, state, model, tokens, totalTokens, line, deleted };
    });
  }

  search(name: Tenant, { phrases, session, after, limit }: SearchQuery): SurveyPage<SearchHit> {
    const tenant = this.terms.find(NO_TENANT, 'tenant', name);
    const read = this.phrases.read(phrases);
    if (tenant === undefined || read.length === 0) return { entries: [] };
    const words = read.flatMap((phrase) => phrase.words);
    const match = [quoted(tenantWord(tenant)), ...words].join(' AND ');
    const { turns, next } = this.found(match, after?.[1] ?? NEVER, limit, (places) => {
      const rows = this.turnsAt(name, tenant, places);
      const wanted = session === undefined ? rows : rows.filter((row) => row.session === session);
      return words.length > read.length ? this.having(read, wanted) : wanted;
    });
    return {
      entries: turns.map((columns) => ({ row: rowOf(columns) })),
      ...(next !== undefined && { next: [0, next] as const }),
    };
  }

  /** Up to `limit` of the turns with these words that are chosen, and the place after which there may be more. */
  private found(
    match: string,
    from: number,
    limit: number,
    choose: (places: readonly number[]) => PlacedColumns[],
  ): { turns: PlacedColumns[]; next?: number } {
    const turns: PlacedColumns[] = [];
    let place = from;
    for (let round = 0; round < ROUNDS; round++) {
      const some = this.statements.all<{ place: number }>(findWordsSql, {
        match,
        place,
        limit: WORDS_AT_ONCE,
      });
      const places = some.map((one) => one.place);
      turns.push(...choose(places));
      if (turns.length > limit) return { turns: turns.slice(0, limit), next: turns[limit - 1]!.place };
      if (places.length < WORDS_AT_ONCE) return { turns };
      place = places.at(-1)!;
    }
    return { turns, next: place };
  }

  /** Those of the turns whose texts have the phrases, not only their words. */
  private having(phrases: ReturnType<Phrases['read']>, turns: readonly PlacedColumns[]): PlacedColumns[] {
    const texts = turns.map((columns) => ({ place: columns.place, text: this.textOf(rowOf(columns)) }));
    const places = this.phrases.among(texts, phrases);
    return turns.filter(({ place }) => places.has(place));
  }

  /** A turn that is damaged is found by nothing. */
  private textOf(row: TurnRow): string {
    try {
      return this.surveyor(row).text;
    } catch {
      return '';
    }
  }

  failures(name: Tenant, { after, limit }: SurveyPageQuery): SurveyPage<TurnRow> {
    const tenant = this.terms.find(NO_TENANT, 'tenant', name);
    if (tenant === undefined) return { entries: [] };
    const [at, place] = after ?? FIRST;
    const found = this.statements.all<{ at: number; place: number }>(recentFailuresSql, {
      ...{ tenant, at, place, limit: limit + 1 },
    });
    const shown = found.slice(0, limit);
    const places = shown.map((one) => one.place);
    const rows = new Map(this.turnsAt(name, tenant, places).map((columns) => [columns.place, columns]));
    const last = found.length > limit ? shown.at(-1) : undefined;
    return {
      entries: places.flatMap((one) => (rows.has(one) ? [rowOf(rows.get(one)!)] : [])),
      ...(last && { next: [last.at, last.place] as const }),
    };
  }

  usage({ fromHour, untilHour, where, by, hours }: UsageQuery): UsageRow[] {
    const numbers: Record<string, number | null> = {};
    for (const kind of USAGE_DIMENSIONS) {
      const value = where[kind];
      const term = value === undefined ? null : this.terms.find(NO_TENANT, kind, value);
      if (term === undefined) return [];
      numbers[kind] = term;
    }
    const range = { from: fromHour, until: untilHour, ...numbers };
    const rows = this.statements.all<UsageColumns>(usageRowsSql, range);
    const times = Map.groupBy(
      this.statements.all<{ id: number; kind: number; bucket: number; count: number }>(usageTimesSql, range),
      ({ id }) => id,
    );
    const names = new Map(by.map((kind) => [kind, this.namesOf(kind)]));
    const found = new Map<string, UsageRow>();
    for (const row of rows) {
      const hour = hours === undefined ? undefined : row.hour - (row.hour % hours);
      const key = [hour, ...by.map((kind) => row[kind])].join(' ');
      let sums = found.get(key);
      if (!sums) {
        const labels = Object.fromEntries(by.map((kind) => [kind, names.get(kind)!.get(row[kind]) ?? '']));
        sums = { ...emptySums(), labels, ...(hour !== undefined && { hour }) };
        found.set(key, sums);
      }
      const own = { total: {} as Record<number, number>, first: {} as Record<number, number> };
      for (const { kind, bucket, count } of times.get(row.id) ?? [])
        own[kind === 0 ? 'total' : 'first'][bucket] = count;
      addSums(sums, { ...row, ...own });
    }
    return [...found.values()];
  }

  tenants(): Tenant[] {
    return [...this.namesOf('tenant').values()] as Tenant[];
  }

  private namesOf(kind: string): Map<number, string> {
    const all = this.statements.all<{ id: number; value: string }>(termsOfKindSql, { kind });
    return new Map(all.map(({ id, value }) => [id, value]));
  }

  /** The numbers of the traits that are asked for; `undefined` where no session has one of them. */
  private termsOf(tenant: number, filter: SessionFilter): number[] | undefined {
    const terms: number[] = [];
    for (const kind of SESSION_TRAITS) {
      const value = filter[kind];
      if (value === undefined) continue;
      const term = this.terms.find(tenant, kind, value);
      if (term === undefined) return undefined;
      terms.push(term);
    }
    return terms;
  }

  /** The sessions that pass a part of the filter, where they are few. */
  private fewOf(
    tenant: number,
    name: Tenant,
    filter: SessionFilter,
    terms: readonly number[],
  ): Numbers | undefined {
    const limit = FEW + 1;
    const names = nameRange(filter.name);
    const parts: (() => Numbers)[] = terms.map(
      (term) => () => this.statements.all(numbersOfTermSql, { term, limit }),
    );
    if (names)
      parts.push(() =>
        this.statements.all(numbersOfNameSql, { tenant: name, tenantTerm: tenant, ...names, limit }),
      );
    const { minCost, minTokens } = filter;
    if (minCost) parts.push(() => this.statements.all(numbersOfCostSql, { tenant, least: minCost, limit }));
    if (minTokens)
      parts.push(() => this.statements.all(numbersOfTokensSql, { tenant, least: minTokens, limit }));
    for (const part of parts) {
      const numbers = part();
      if (numbers.length <= FEW) return numbers;
    }
    return undefined;
  }

  private turnsAt(tenant: Tenant, tenantTerm: number, places: readonly number[]): PlacedColumns[] {
    return this.statements.all(turnsAtSql, { tenant, tenantTerm, places: JSON.stringify(places) });
  }
}

function nameRange(name: string | undefined): { from: string; to: string } | undefined {
  if (name === undefined) return undefined;
  if (!name.endsWith('*')) return { from: name, to: name };
  const from = name.slice(0, -1);
  return { from, to: `${from}\u{10ffff}` };
}

function pageOf(
  rows: readonly SummaryColumns[],
  { limit }: SurveyPageQuery,
  tenant: Tenant,
): SurveyPage<SessionSummary> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return {
    entries: shown.map((row) => summaryOf(row, tenant)),
    ...(last && { next: [last.updatedAt, last.number] as const }),
  };
}

function summaryOf(row: SummaryColumns, tenant: Tenant): SessionSummary {
  const { session: id, head, tags, metadata, name, hasRecord, number: _, ...rest } = row;
  const { model, key, user, state, error, ...counts } = rest;
  return {
    ...{ tenant, id, ...counts, hasRecord: hasRecord === 1 },
    head: head === null ? null : ((id + head) as TurnId),
    tags: tags === null ? [] : JSON.parse(tags),
    metadata: metadata === null ? {} : JSON.parse(metadata),
    ...(name !== null && { name }),
    ...(model !== null && { model }),
    ...(key !== null && { key }),
    ...(user !== null && { user }),
    ...(state != null && { state }),
    ...(error !== null && { error }),
  };
}

const rowOf = (columns: TurnColumns): TurnRow => turnRow({ ...columns, body: unpackBody(columns.body) });
