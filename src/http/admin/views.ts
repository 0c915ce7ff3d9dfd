import type { Admin } from '../../api/admin/admin.ts';
import { conversationId, responseId, type TurnId } from '../../core/ids.ts';
import { type IdentifiedItem, identified } from '../../core/item-positions.ts';
import type { Item } from '../../core/items.ts';
import type { Quota } from '../../core/quota.ts';
import { dollars, type NanoDollars, type PicoDollars } from '../../core/usage.ts';
import { percentile, type TimeHistogram } from '../../core/usage-sums.ts';
import { attemptsView } from '../v1/fields.ts';
import { receiptView } from '../v1/responses/receipt.ts';
import { outputItem } from '../v1/responses/response.ts';
import { iso } from './fields.ts';

/** What the management API shows, in the forms of `session-schemas.ts` and `gateway-schemas.ts`. */

type Entry<List extends (...args: never[]) => Promise<{ entries: unknown[] }>> = Awaited<
  ReturnType<List>
>['entries'][number];
export type Summary = Entry<Admin['sessions']['list']>;
export type Detail = Awaited<ReturnType<Admin['sessions']['detail']>>;
type Facts = Awaited<ReturnType<Admin['sessions']['outline']>>[number];
export type Stored = Awaited<ReturnType<Admin['sessions']['turns']>>[number];
type Hit = Entry<Admin['sessions']['search']>;
type Running = Awaited<ReturnType<Admin['turns']['running']>>[number];
type Failed = Entry<Admin['turns']['failures']>;
type Claw = Awaited<ReturnType<Admin['claws']['list']>>[number];
type ModelHealth = Claw['models'][number];
type Model = ReturnType<Admin['claws']['models']>[number];
type Test = Awaited<ReturnType<Admin['claws']['test']>>;
type Usage = Awaited<ReturnType<Admin['usage']>>[number];

export const usd = (nano: number): number => dollars(nano as NanoDollars);
const turnName = (id: TurnId | null): string | null => (id === null ? null : responseId(id));

export function sessionView(summary: Summary) {
  const { id, tenant, name, tags, metadata, hasRecord, head, createdAt, updatedAt } = summary;
  return {
    object: 'session',
    id: conversationId(id),
    tenant,
    name: name ?? null,
    tags,
    metadata,
    has_record: hasRecord,
    head: turnName(head),
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
    turns: summary.turns,
    failed_turns: summary.failed,
    input_tokens: summary.input,
    output_tokens: summary.output,
    cost_usd: usd(summary.cost),
    model: summary.model ?? null,
    key: summary.key ?? null,
    user: summary.user ?? null,
    state: summary.state ?? null,
    error: summary.error ?? null,
  };
}

export const detailView = ({ summary, values, pins }: Detail) => ({
  ...sessionView(summary),
  values: values.map(({ key, json, version, updatedAt }) => ({
    ...{ key, value: JSON.parse(json) as unknown, version, updated_at: iso(updatedAt) },
  })),
  pins: pins.map(({ id, kind, text, turn, item }) => ({
    id: `pin_${id}`,
    kind,
    text,
    turn: responseId(turn),
    item,
  })),
});

export const nodeView = (facts: Facts) => ({
  id: responseId(facts.id),
  parent: turnName(facts.parent),
  state: facts.state,
  model: facts.model === '' ? null : facts.model,
  created_at: iso(facts.createdAt),
  tokens: facts.tokens,
  total_tokens: facts.totalTokens,
  line: facts.line,
  deleted: facts.deleted,
});

/** An item with its id, as people may read it: encrypted content is for its provider alone. */
export function readable(item: Item, turn: TurnId, side: 'i' | 'o', index: number): IdentifiedItem {
  const found = identified(item, turn, side, index);
  if (found.type !== 'reasoning') return found;
  const { encrypted_content: _, ...rest } = found;
  return rest as IdentifiedItem;
}

export function turnView({ turn, hidden, deleted, line, tokens, totalTokens, everything }: Stored) {
  const { id, tenant, session, parent, kind, state, createdAt, completedAt, dialect } = turn;
  const asked = turn.kind === 'ask' ? turn : undefined;
  const { answeredBy, usage, cost, attempts, error, finish, origin } = turn;
  const items = {
    input: turn.input.map((item, index) => outputItem(readable(item, id, 'i', index))),
    output: turn.output.map((item, index) => outputItem(readable(item, id, 'o', index))),
  };
  return {
    object: 'turn',
    id: responseId(id),
    tenant,
    session: conversationId(session),
    parent: turnName(parent),
    ...{ kind, state, deleted, line, tokens, total_tokens: totalTokens },
    created_at: iso(createdAt),
    ended_at: iso(completedAt),
    dialect,
    asked_model: asked?.model ?? null,
    model: answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : null,
    instance: answeredBy?.instance ?? null,
    key: asked?.key || null,
    user: asked?.user ?? asked?.settings.safety_identifier ?? null,
    instructions: asked?.instructions ?? null,
    settings: asked?.settings ?? {},
    metadata: turn.metadata,
    ...items,
    hidden: hidden.map((mark) => idOf(items, mark)),
    finish,
    error: error ?? null,
    usage: usage
      ? {
          input_tokens: usage.input,
          output_tokens: usage.output,
          cache_read_tokens: usage.cacheRead,
          cache_write_tokens: usage.cacheWrite,
          reasoning_tokens: usage.reasoning,
        }
      : null,
    cost_usd: cost === undefined ? null : dollars(cost),
    attempts: attempts ? attemptsView(attempts) : [],
    receipt: asked ? receiptView({ turn: asked, everything }) : null,
    origin: origin ?? null,
  };
}

/** The id of a hidden item. Marks that hide pins name no item. */
function idOf(items: { input: Record<string, unknown>[]; output: Record<string, unknown>[] }, mark: string) {
  const list = mark.startsWith('i') ? items.input : items.output;
  return String(list[Number(mark.slice(1))]?.id ?? mark);
}

export const hitView = ({ session, turn, createdAt, snippet }: Hit) => ({
  object: 'hit',
  session: conversationId(turn.slice(0, 20) as Summary['id']),
  session_name: session?.name ?? null,
  turn: responseId(turn),
  created_at: iso(createdAt),
  snippet,
});

export const runningView = (one: Running) => ({
  object: 'running_turn',
  id: responseId(one.turn),
  tenant: one.tenant,
  session: conversationId(one.session),
  key: one.key,
  user: one.user ?? null,
  asked_model: one.model,
  answering: one.answering ?? null,
  state: one.state,
  error: one.code ?? null,
  created_at: iso(one.createdAt),
  age_ms: one.ageMs,
  kept: one.isKept,
});

export function failedView({ turn, neverBegan }: Failed) {
  const { id, session, state, error, createdAt, completedAt, answeredBy } = turn;
  return {
    object: 'failed_turn',
    id: responseId(id),
    session: conversationId(session),
    state,
    error: error?.code ?? null,
    message: error?.message ?? null,
    asked_model: turn.kind === 'ask' ? turn.model : null,
    model: answeredBy ? `${answeredBy.provider}/${answeredBy.model}` : null,
    key: turn.kind === 'ask' ? turn.key || null : null,
    created_at: iso(createdAt),
    ended_at: iso(completedAt),
    never_began: neverBegan,
  };
}

const orNull = <T>(value: T | undefined): T | null => value ?? null;

function quotaView(quota: Quota | undefined) {
  if (!quota) return null;
  const allowance = (one: Quota['requests']) =>
    one ? { limit: one.limit ?? null, remaining: one.remaining, resets_in_ms: one.resetsInMs } : null;
  return { requests: allowance(quota.requests), tokens: allowance(quota.tokens) };
}

const modelHealthView = (health: ModelHealth) => ({
  name: health.name,
  breaker: health.breaker,
  breaker_reason: orNull(health.breakerReason),
  available_in_ms: health.availableInMs,
  in_flight: health.inFlight,
  first_token_ms: orNull(health.firstTokenMs),
  first_token_p95_ms: orNull(health.firstTokenP95Ms),
  tokens_per_second: orNull(health.tokensPerSecond),
  limits_left: quotaView(health.quota),
  errors: health.failures?.byCode ?? {},
  last_errors: (health.failures?.latest ?? []).map(({ at, code, turn }) => ({
    ...{ at: iso(at), code, turn: responseId(turn) },
  })),
});

export const clawView = (claw: Claw) => ({
  object: 'claw',
  name: claw.name,
  provider: claw.provider,
  instance: orNull(claw.instance),
  protocols: claw.protocols,
  on: claw.isOn,
  turn_on_with: orNull(claw.turnOnWith),
  region: orNull(claw.region),
  health: claw.health,
  models: claw.models.map(modelHealthView),
  last_day: claw.day
    ? {
        turns: claw.day.turns,
        failed_turns: claw.day.failed,
        cost_usd: usd(claw.day.cost),
        total_ms: { p50: orNull(claw.day.p50), p95: orNull(claw.day.p95), p99: orNull(claw.day.p99) },
        first_token_ms: {
          ...{
            p50: orNull(claw.day.firstP50),
            p95: orNull(claw.day.firstP95),
            p99: orNull(claw.day.firstP99),
          },
        },
      }
    : null,
});

/** Picodollars per token are millionths of a dollar per million tokens. */
const price = (amount: PicoDollars | undefined): number | null =>
  amount === undefined ? null : amount / 1e6;

export const modelView = (model: Model) => ({
  object: 'model',
  name: model.name,
  context: orNull(model.contextLimit),
  output: orNull(model.outputLimit),
  input_price: price(model.price?.input),
  output_price: price(model.price?.output),
  cache_read_price: price(model.price?.cacheRead),
  cache_write_price: price(model.price?.cacheWrite),
  reasons: orNull(model.reasons),
  tools: orNull(model.tools),
  inputs: model.inputs ? [...model.inputs] : null,
});

export const testView = ({ ok, model, ms, firstDeltaMs, cost, code, message }: Test) => ({
  ...{ object: 'claw_test', ok, model, ms, first_token_ms: orNull(firstDeltaMs) },
  cost_usd: cost === undefined ? null : usd(cost),
  error: orNull(code),
  message: orNull(message),
});

const percentilesView = (times: TimeHistogram) => ({
  p50: orNull(percentile(times, 0.5)),
  p95: orNull(percentile(times, 0.95)),
  p99: orNull(percentile(times, 0.99)),
});

export const usageView = (row: Usage) => ({
  object: 'usage',
  from: row.hour === undefined ? null : iso(row.hour * 3_600_000),
  ...row.labels,
  turns: row.turns,
  failed_turns: row.failed,
  input_tokens: row.input,
  output_tokens: row.output,
  cache_read_tokens: row.cacheRead,
  cache_write_tokens: row.cacheWrite,
  reasoning_tokens: row.reasoning,
  cache_share: row.input === 0 ? 0 : Math.round((row.cacheRead / row.input) * 1e4) / 1e4,
  cost_usd: usd(row.cost),
  total_ms: percentilesView(row.total),
  first_token_ms: percentilesView(row.first),
});
