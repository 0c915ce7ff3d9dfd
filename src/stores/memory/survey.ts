import type { SessionId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { Session } from '../../core/turn.ts';
import { addSums, emptySums, HOUR_MS, USAGE_DIMENSIONS, type UsageOfHour } from '../../core/usage-sums.ts';
import {
  SESSION_TRAITS,
  type SearchHit,
  type SearchQuery,
  type SessionFilter,
  type SessionSummary,
  type SurveyCursor,
  type SurveyedTurn,
  type Surveyor,
  type SurveyPage,
  type SurveyPageQuery,
  type SurveyStore,
  type TurnFacts,
  type UsageQuery,
  type UsageRow,
} from '../../session/survey-store.ts';
import type { TurnRow } from '../../session/turn-log.ts';
import type { MemoryStore } from './store.ts';
import { copyRow } from './tenant-log.ts';

interface Seen {
  row: TurnRow;
  /** The number of the turn in the order of the commits. */
  place: number;
  turn: SurveyedTurn;
}

interface SeenSession {
  summary: SessionSummary;
  turns: Seen[];
  isVisible: boolean;
}

/**
 * The survey of a `MemoryStore`: each question reads the whole log. Sums of usage are kept, because they outlive their
 * turns; each refresh adds those of new turns.
 */
export class MemorySurvey implements SurveyStore {
  private readonly counted = new Set<string>();
  private readonly sums: UsageOfHour[] = [];

  constructor(
    private readonly store: MemoryStore,
    private readonly surveyor: Surveyor,
  ) {}

  async refresh(): Promise<void> {
    for (const tenant of this.store.tenants) {
      for (const { row, turn } of this.turnsOf(tenant)) {
        if (this.counted.has(row.id)) continue;
        this.counted.add(row.id);
        if (!turn.sums) continue;
        const labels = { ...turn.labels, tenant };
        this.sums.push({ ...turn.sums, labels, hour: Math.floor(turn.endedAt / HOUR_MS) });
      }
    }
  }

  async sessions(
    tenant: Tenant,
    filter: SessionFilter,
    page: SurveyPageQuery,
  ): Promise<SurveyPage<SessionSummary>> {
    const found = this.sessionsOf(tenant).filter((one) => one.isVisible && fits(one, filter));
    return pageOf(
      found.map(({ summary }) => ({ entry: summary, at: summary.updatedAt, place: orderOf(summary) })),
      page,
    );
  }

  async session(tenant: Tenant, id: SessionId): Promise<SessionSummary | undefined> {
    return this.sessionsOf(tenant).find(({ summary, isVisible }) => isVisible && summary.id === id)?.summary;
  }

  async outline(tenant: Tenant, session: SessionId): Promise<TurnFacts[]> {
    const rows = [...this.store.logAt(tenant).turns.values()].filter((row) => row.session === session);
    return rows.map(({ id, parent, createdAt, state, model, tokens, totalTokens, line, deleted }) => ({
      ...{ id, parent, createdAt, state, model, tokens, totalTokens, line, deleted },
    }));
  }

  async search(tenant: Tenant, { phrases, session, ...page }: SearchQuery): Promise<SurveyPage<SearchHit>> {
    const found = this.sessionsOf(tenant)
      .filter(({ isVisible, summary }) => isVisible && (session === undefined || summary.id === session))
      .flatMap(({ turns }) => turns)
      .filter(({ turn }) => phrases.every((phrase) => has(turn.text, phrase)));
    return pageOf(
      found.map(({ row, place }) => ({ entry: { row: copyRow(row) }, at: 0, place })),
      page,
    );
  }

  async failures(tenant: Tenant, page: SurveyPageQuery): Promise<SurveyPage<TurnRow>> {
    const found = this.turnsOf(tenant).filter(({ row }) => row.state !== 'completed');
    return pageOf(
      found.map(({ row, place, turn }) => ({ entry: copyRow(row), at: turn.endedAt, place })),
      page,
    );
  }

  async count(sums: readonly UsageOfHour[]): Promise<void> {
    this.sums.push(...structuredClone(sums));
  }

  async usage({ fromHour, untilHour, where, by, hours }: UsageQuery): Promise<UsageRow[]> {
    const rows = new Map<string, UsageRow>();
    for (const one of this.sums) {
      if (one.hour < fromHour || one.hour >= untilHour) continue;
      if (!USAGE_DIMENSIONS.every((kind) => where[kind] === undefined || where[kind] === one.labels[kind]))
        continue;
      const hour = hours === undefined ? undefined : one.hour - (one.hour % hours);
      const labels = Object.fromEntries(by.map((kind) => [kind, one.labels[kind]]));
      const key = JSON.stringify([hour, labels]);
      const row = rows.get(key) ?? { ...emptySums(), labels, ...(hour !== undefined && { hour }) };
      rows.set(key, row);
      addSums(row, one);
    }
    return [...rows.values()];
  }

  async tenants(): Promise<Tenant[]> {
    return this.store.tenants.filter((tenant) => this.sessionsOf(tenant).length > 0).sort();
  }

  async rebuild(): Promise<void> {}

  async close(): Promise<void> {}

  private turnsOf(tenant: Tenant): Seen[] {
    const rows = [...this.store.logAt(tenant).turns.values()];
    return rows.map((row, place) => ({ row, place, turn: this.surveyor(row) }));
  }

  private sessionsOf(tenant: Tenant): SeenSession[] {
    const byId = new Map<SessionId, Seen[]>();
    for (const { id } of this.store.logAt(tenant).sessions.values()) byId.set(id, []);
    for (const seen of this.turnsOf(tenant))
      byId.set(seen.row.session, [...(byId.get(seen.row.session) ?? []), seen]);
    return [...byId].map(([id, turns]) => {
      const record = this.store.logAt(tenant).sessions.get(id);
      const isVisible = record !== undefined || turns.some(({ row }) => !row.deleted);
      return { isVisible, turns, summary: summaryOf(tenant, id, record, turns) };
    });
  }
}

function summaryOf(
  tenant: Tenant,
  id: SessionId,
  record: Session | undefined,
  turns: readonly Seen[],
): SessionSummary {
  const sum = (of: (seen: Seen) => number) => turns.reduce((total, seen) => total + of(seen), 0);
  const lastOf = (label: 'model' | 'key' | 'user') =>
    turns.findLast(({ turn }) => turn.labels[label] !== '')?.turn.labels[label];
  const last = turns.at(-1);
  const times = turns.map(({ row }) => row.createdAt);
  const createdAt = Math.min(...times, record?.createdAt ?? Number.MAX_SAFE_INTEGER);
  const named = { model: lastOf('model'), key: lastOf('key'), user: lastOf('user'), error: last?.turn.error };
  return {
    ...{ tenant, id, createdAt, turns: turns.length },
    ...{ tags: record?.tags ?? [], metadata: { ...record?.metadata }, hasRecord: record !== undefined },
    head: record?.head ?? null,
    updatedAt: Math.max(createdAt, ...turns.map(({ turn }) => turn.endedAt)),
    failed: sum(({ row }) => (row.state === 'failed' ? 1 : 0)),
    input: sum(({ turn }) => turn.sums?.input ?? 0),
    output: sum(({ turn }) => turn.sums?.output ?? 0),
    cost: sum(({ turn }) => turn.sums?.cost ?? 0),
    ...(record?.name !== undefined && { name: record.name }),
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)),
    ...(last && { state: last.row.state }),
  };
}

function fits({ summary, turns }: SeenSession, filter: SessionFilter): boolean {
  const { name, since = 0, until = Infinity, minCost = 0, maxCost = Infinity } = filter;
  const { minTokens = 0, maxTokens = Infinity } = filter;
  const { updatedAt, cost } = summary;
  const tokens = summary.input + summary.output;
  if (updatedAt < since || updatedAt >= until || cost < minCost || cost > maxCost) return false;
  if (tokens < minTokens || tokens > maxTokens || !isNamed(summary.name, name)) return false;
  return SESSION_TRAITS.every((kind) => {
    const wanted = filter[kind];
    if (wanted === undefined) return true;
    if (kind === 'tag') return summary.tags.includes(wanted);
    return turns.some(({ row, turn }) => {
      if (kind === 'state') return row.state === wanted;
      return (kind === 'error' ? turn.error : turn.labels[kind]) === wanted;
    });
  });
}

function isNamed(name: string | undefined, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  return wanted.endsWith('*') ? (name?.startsWith(wanted.slice(0, -1)) ?? false) : name === wanted;
}

/** Words without case and accents; characters of scripts without spaces are words. */
const wordsOf = (text: string): string[] =>
  text
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .match(
      /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}]+?(?=[^\p{L}\p{N}]|$)/gu,
    ) ?? [];

function has(text: string, phrase: string): boolean {
  const words = wordsOf(text);
  const wanted = wordsOf(phrase);
  const isBeginning = phrase.endsWith('*');
  return words.some((_, start) =>
    wanted.every((word, index) =>
      isBeginning && index === wanted.length - 1
        ? words[start + index]?.startsWith(word)
        : words[start + index] === word,
    ),
  );
}

/** Ids of sessions are ordered by time. */
const orderOf = ({ id }: SessionSummary): number => Number.parseInt(id.slice(0, 9), 32);

function pageOf<Entry>(
  found: readonly { entry: Entry; at: number; place: number }[],
  { after, limit }: SurveyPageQuery,
): SurveyPage<Entry> {
  const sorted = [...found].sort((a, b) => b.at - a.at || b.place - a.place);
  const isAfter = ({ at, place }: { at: number; place: number }, [lastAt, lastPlace]: SurveyCursor) =>
    at < lastAt || (at === lastAt && place < lastPlace);
  const rest = after ? sorted.filter((one) => isAfter(one, after)) : sorted;
  const shown = rest.slice(0, limit);
  const last = shown.at(-1);
  return {
    entries: shown.map(({ entry }) => entry),
    ...(rest.length > limit && last && { next: [last.at, last.place] as const }),
  };
}
