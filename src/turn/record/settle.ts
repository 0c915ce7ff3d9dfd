import type { Directory } from '../../core/directory.ts';
import { faultOf, turnErrorOf } from '../../core/errors.ts';
import type { BrokenOff, Called, Folded, FoldedItem } from '../../core/fold.ts';
import { itemId, type TurnId } from '../../core/ids.ts';
import type { Item } from '../../core/items.ts';
import type { AnsweredBy, Attempt, Outcome } from '../../core/outcome.ts';
import type { Receipt } from '../../core/receipt.ts';
import { isJsonObject } from '../../core/tool-calls.ts';
import { Cancelled } from '../../core/turn-view.ts';
import { nanoDollars, type Price, type Usage } from '../../core/usage.ts';
import { costOf } from '../../usage/prices.ts';
import type { RunningTurn, TurnPath } from '../path.ts';

/** The outcome of a turn that was being answered. */
export function settleTurn(turn: RunningTurn, failure: unknown, path: TurnPath): Outcome {
  const { intent, folded, contexts, live } = turn;
  const { branchTokens, inputTokens } = intent.position;
  const outcome = settle({
    turn: intent.id,
    folded,
    failure,
    price: priceOf(path.directory),
    askedTier: intent.settings.service_tier,
    promptTokens: (called) =>
      contexts.asCounted(called, contexts.sent(called)?.tokens ?? branchTokens + inputTokens),
    completedAt: path.clock(),
  });
  return live.receipt ? { ...outcome, ...storedReceipt(live.receipt) } : outcome;
}

function storedReceipt({
  candidate: _,
  isDegraded,
  ...receipt
}: Receipt): Pick<Outcome, 'receipt' | 'isDegraded'> {
  return isDegraded ? { receipt, isDegraded: true } : { receipt };
}

/** Gives the price of a call's model, where it is known. */
export const priceOf =
  (directory: Directory) =>
  ({ provider, model }: Called): Price | undefined =>
    directory.limits(provider, model).price;

/** What an outcome is made of. */
export interface SettleInput {
  turn: TurnId;
  folded: Folded;
  /** What ended the answer early: a `Fault`, a `Cancelled`, or an unexpected error. */
  failure?: unknown;
  price(called: Called): Price | undefined;
  /** The service tier that the request asks for. */
  askedTier?: string;
  /** Estimated tokens of the prompt, for calls that broke off before their provider reported usage. */
  promptTokens(called: Called): number;
  /** Milliseconds since the epoch. */
  completedAt: number;
}

/** The outcome of a turn: its folded deltas, whole or not. */
export function settle(input: SettleInput): Outcome {
  const { turn, folded, failure, completedAt } = input;
  const items = folded.items.flatMap((entry, index) => {
    const settled = settledItem(entry);
    return settled ? [{ ...settled, index }] : [];
  });
  const main = items.filter((entry) => entry.choice === 0);
  const natives = main.flatMap(({ native }, position) =>
    native === undefined ? [] : [[position, native] as const],
  );
  const callIds = main.flatMap(({ callId }, position) =>
    callId === undefined ? [] : [[position, callId] as const],
  );
  return {
    ...endingOf(folded, failure),
    completedAt,
    answeredBy: answeredBy(folded),
    output: main.map(({ item, index }, position) => withStreamedId(item, turn, index, position)),
    outputNatives: natives.length > 0 ? Object.fromEntries(natives) : undefined,
    callIds: callIds.length > 0 ? Object.fromEntries(callIds) : undefined,
    alternates: alternatesOf(items),
    finish: folded.finish,
    ...usageAndCost(input),
    extra: folded.extra,
  };
}

function endingOf(folded: Folded, failure: unknown) {
  if (failure instanceof Cancelled) return { state: 'cancelled' } as const;
  if (failure !== undefined) {
    const error = turnErrorOf(faultOf(failure));
    const { code } = error;
    const isStop = code === 'shutting_down' || code === 'gateway_stopped';
    return { state: isStop ? 'incomplete' : 'failed', error } as const;
  }
  const reason = folded.finish[0]?.unified;
  const isCut = reason === 'length' || reason === 'content_filter';
  return { state: isCut ? 'incomplete' : 'completed' } as const;
}

function answeredBy({ by, model, providerId }: Folded): AnsweredBy | undefined {
  if (!by) return undefined;
  const { provider, protocol, model: calledModel, instance } = by;
  const answered: AnsweredBy = { provider, protocol, model: model ?? calledModel, id: providerId };
  if (answered.model !== calledModel) answered.calledModel = calledModel;
  if (instance !== undefined) answered.instance = instance;
  return answered;
}

/**
 * An item's id contains the index under which it was streamed. After discarded items, this is not its position
 * in the output, from which ids are derived; so the item carries its id.
 */
function withStreamedId(item: Item, turn: TurnId, index: number, position: number): Item {
  if (index === position) return item;
  return { ...item, id: itemId(item.type, { turn, side: 'o', index }) } as Item;
}

/** Usage and cost of all calls that generated a part of the answer. */
function usageAndCost(input: SettleInput): Pick<Outcome, 'usage' | 'cost' | 'costEstimated' | 'attempts'> {
  const { folded, failure, promptTokens } = input;
  const { by, usage, textLength, brokenOff } = folded;
  if (!by) return {};
  const isCut = failure !== undefined;
  const cause = isCut && !(failure instanceof Cancelled) ? faultOf(failure).code : undefined;
  if (brokenOff.length === 0 && !isCut && usage?.reportedCost === undefined) {
    return { usage, ...(usage && billOf(usage, by, input)) };
  }
  let before = 0;
  const attempts = [...brokenOff, { by, usage, textLength, cause }].map((call, index) => {
    const isWhole = index === brokenOff.length && !isCut;
    const attempt = attemptOf(call, isWhole, promptTokens(call.by) + before, input);
    before += tokensOf(call.textLength);
    return attempt;
  });
  return { usage: sumOf(attempts), ...totalOf(attempts), attempts };
}

type Bill = Pick<Attempt, 'cost' | 'costEstimated'>;

/** By our prices. Empty if the model's price is unknown. */
function billOf(usage: Usage, by: Called, { price, askedTier }: SettleInput): Bill {
  const known = price(by);
  if (!known) return {};
  const { amount, estimated } = costOf(usage, known, askedTier);
  return estimated ? { cost: amount, costEstimated: true } : { cost: amount };
}

/** Usage and cost of one call. Where the provider did not report a broken call's usage, it is estimated. */
function attemptOf(call: BrokenOff, isWhole: boolean, promptTokens: number, input: SettleInput): Attempt {
  const { by, cause } = call;
  const generated = tokensOf(call.textLength);
  const counted = call.usage ?? { input: promptTokens, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  const isEstimated = call.usage === undefined || (!isWhole && counted.output < generated);
  const usage = isEstimated ? { ...counted, output: Math.max(counted.output, generated) } : counted;
  const attempt: Attempt = { provider: by.provider, model: by.model, usage, ...billOf(usage, by, input) };
  if (isEstimated) {
    attempt.estimated = true;
    if (attempt.cost !== undefined) attempt.costEstimated = true;
  }
  if (cause) attempt.error = cause;
  return attempt;
}

/** Estimated tokens of a generated text: about four characters make a token. */
const tokensOf = (characters: number): number => Math.ceil(characters / 4);

function sumOf(attempts: Attempt[]): Usage {
  const [first, ...rest] = attempts.map(({ usage }) => usage);
  if (rest.length === 0) return first!;
  const sum: Usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  for (const usage of [first!, ...rest])
    for (const kind of COUNTS) if (usage[kind] !== undefined) sum[kind] = (sum[kind] ?? 0) + usage[kind];
  return sum;
}

const COUNTS = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'cacheWriteHour',
  'reasoning',
  'audioInput',
  'audioOutput',
] as const satisfies readonly (keyof Usage)[];

/** Empty if the cost of one call is unknown: a sum without it would be wrong. */
function totalOf(attempts: Attempt[]): Bill {
  if (attempts.some(({ cost }) => cost === undefined)) return {};
  const cost = nanoDollars(attempts.reduce((sum, { cost }) => sum + cost!, 0));
  return attempts.some(({ costEstimated }) => costEstimated) ? { cost, costEstimated: true } : { cost };
}

function alternatesOf(items: FoldedItem[]): Item[][] | undefined {
  const alternates: Item[][] = [];
  for (const { choice, item } of items) {
    if (choice === 0) continue;
    // A choice without items keeps its position.
    while (alternates.length < choice) alternates.push([]);
    alternates[choice - 1]!.push(item);
  }
  return alternates.length > 0 ? alternates : undefined;
}

/** An item as it is stored; `undefined` for a message or a thought that was cut before it had any content. */
function settledItem(entry: FoldedItem): FoldedItem | undefined {
  const { item, done } = entry;
  if (done) {
    const isWithoutStatus = item.type === 'message' && !item.status;
    return isWithoutStatus ? { ...entry, item: { ...item, status: 'completed' } } : entry;
  }
  if (isEmpty(item)) return undefined;
  const isWholeCall = item.type === 'function_call' && isJsonObject(item.arguments);
  const status = isWholeCall ? 'completed' : 'incomplete';
  return { ...entry, item: { ...item, status } as Item };
}

function isEmpty(item: Item): boolean {
  if (item.type === 'message') return item.content.length === 0;
  return item.type === 'reasoning' && !item.content?.length && item.summary.length === 0;
}
