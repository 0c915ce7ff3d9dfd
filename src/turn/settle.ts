import { type Fault, faultOf } from '../core/errors.ts';
import type { BrokenOff, Called, Folded, FoldedItem } from '../core/fold.ts';
import { itemId, type TurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { Attempt, Outcome } from '../core/turn.ts';
import { type NanoDollars, nanoDollars, type Price, type Usage } from '../core/usage.ts';
import { costOf } from '../usage/prices.ts';
import { Cancelled } from './live-turn.ts';

export interface SettleInput {
  turn: TurnId;
  folded: Folded;
  /** What ended the answer early: a `Fault`, a `Cancelled`, or anything unforeseen. */
  failure?: unknown;
  price(called: Called): Price | undefined;
  /** Estimated tokens of the prompt, for calls that broke off before their provider had counted. */
  promptTokens: number;
  completedAt: number;
}

/** The outcome of a turn: what its deltas amount to, whole or not. */
export function settle(input: SettleInput): Outcome {
  const { turn, folded, failure, completedAt } = input;
  const items = folded.items.flatMap((entry, index) => {
    const kept = finished(entry);
    return kept ? [{ ...kept, index }] : [];
  });
  const main = items.filter((entry) => entry.choice === 0);
  const natives = main.flatMap(({ native }, place) =>
    native === undefined ? [] : [[place, native] as const],
  );
  return {
    ...ending(folded, failure),
    completedAt,
    provider: folded.by?.provider,
    protocol: folded.by?.protocol,
    servedModel: folded.model,
    providerId: folded.providerId,
    output: main.map(({ item, index }, place) => underItsId(item, turn, index, place)),
    outputNatives: natives.length > 0 ? Object.fromEntries(natives) : undefined,
    alternates: alternatesOf(items),
    finish: folded.finish,
    ...bill(input),
    extra: folded.extra,
  };
}

function ending(folded: Folded, failure: unknown): Pick<Outcome, 'state' | 'error'> {
  if (failure instanceof Cancelled) return { state: 'cancelled' };
  if (failure !== undefined) {
    const { code, message } = toFault(failure);
    const isOurs = code === 'shutting_down' || code === 'gateway_stopped';
    return { state: isOurs ? 'incomplete' : 'failed', error: { code, message } };
  }
  const reason = folded.finish[0]?.unified;
  return { state: reason === 'length' || reason === 'content_filter' ? 'incomplete' : 'completed' };
}

export const toFault = (failure: unknown): Fault =>
  faultOf(failure, 'The gateway failed while it handled this turn.');

/** Ids name the place at which an item was announced; where others before it are void, it brings its id along. */
function underItsId(item: Item, turn: TurnId, index: number, place: number): Item {
  return index === place ? item : ({ ...item, id: itemId(item.type, { turn, side: 'o', index }) } as Item);
}

/** What the answer used and cost, over all calls that gave a part of it. */
function bill({ folded, failure, price, promptTokens }: SettleInput): Partial<Outcome> {
  const { by, usage, said, brokenOff } = folded;
  if (!by) return {};
  const isCut = failure !== undefined;
  const cause = isCut && !(failure instanceof Cancelled) ? toFault(failure).code : undefined;
  if (brokenOff.length === 0 && !isCut) {
    const known = usage && price(by);
    return { usage, cost: known && costOf(usage, known) };
  }
  let before = 0;
  const attempts = [...brokenOff, { by, usage, said, cause }].map((call, index) => {
    const isWhole = index === brokenOff.length && !isCut;
    const attempt = attemptOf(call, isWhole, promptTokens + before, price);
    before += tokensOf(call.said);
    return attempt;
  });
  return { usage: sumOf(attempts), cost: costsOf(attempts), attempts };
}

/** A call that broke off is billed all the same: where its provider did not count, an estimate is better than nothing. */
function attemptOf(
  call: BrokenOff,
  isWhole: boolean,
  promptTokens: number,
  price: SettleInput['price'],
): Attempt {
  const { by, cause } = call;
  const counted = call.usage ?? { input: promptTokens, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  const isEstimated = call.usage === undefined || (!isWhole && counted.output < tokensOf(call.said));
  const usage = isEstimated ? { ...counted, output: Math.max(counted.output, tokensOf(call.said)) } : counted;
  const known = price(by);
  const attempt: Attempt = { provider: by.provider, model: by.model, usage };
  if (isEstimated) attempt.estimated = true;
  if (known) attempt.cost = costOf(usage, known);
  if (cause) attempt.error = cause;
  return attempt;
}

/** About four characters of generated text make a token. */
const tokensOf = (characters: number): number => Math.ceil(characters / 4);

function sumOf(attempts: Attempt[]): Usage {
  const [first, ...rest] = attempts.map(({ usage }) => usage);
  if (rest.length === 0) return first!;
  const sum = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  for (const usage of [first!, ...rest])
    for (const kind of Object.keys(sum) as (keyof typeof sum)[]) sum[kind] += usage[kind];
  return sum;
}

/** A sum that lacks a part would be a wrong one. */
function costsOf(attempts: Attempt[]): NanoDollars | undefined {
  if (attempts.some(({ cost }) => cost === undefined)) return undefined;
  return nanoDollars(attempts.reduce((sum, { cost }) => sum + cost!, 0));
}

function alternatesOf(items: FoldedItem[]): Item[][] | undefined {
  const alternates: Item[][] = [];
  for (const { choice, item } of items) {
    if (choice === 0) continue;
    // A choice of which nothing is kept has its place all the same.
    while (alternates.length < choice) alternates.push([]);
    alternates[choice - 1]!.push(item);
  }
  return alternates.length > 0 ? alternates : undefined;
}

/** An item as it is kept. Of an unfinished one only text is of use; half a tool call is worse than none. */
function finished(entry: FoldedItem): FoldedItem | undefined {
  const { item, done } = entry;
  if (done)
    return item.type === 'message' && !item.status
      ? { ...entry, item: { ...item, status: 'completed' } }
      : entry;
  if (item.type === 'message' && item.content.length > 0)
    return { ...entry, item: { ...item, status: 'incomplete' } };
  if (item.type === 'reasoning' && (item.content?.length || item.summary.length)) {
    return { ...entry, item: { ...item, status: 'incomplete' } };
  }
  return undefined;
}
