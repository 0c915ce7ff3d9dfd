import type { Candidate } from '../../core/candidate.ts';
import type { ErrorCode } from '../../core/error-catalogue.ts';
import { callFailureOf, Fault } from '../../core/errors.ts';
import type { BrokenOff, Called, Folded, FoldedItem } from '../../core/fold.ts';
import type { Item, Message, Part } from '../../core/items.ts';
import { type Ask, isStreamed } from '../../core/turn.ts';
import { DifferentAnswer } from './overlap.ts';

/** How an answer continues after a call broke off. */
export interface Rescue {
  /** The candidates to call, in order. */
  candidates: readonly Candidate[];
  /** The text that the next claw continues; empty where it answers from the beginning. */
  text: string;
  /** The part of the message that was cut: the continuation goes there. */
  open?: { index: number; part: number };
  /** Items that were cut and stay as they are: reasoning, and messages before `open`. */
  close: number[];
  /** Items that cannot be continued and become void. */
  discard: number[];
  cause: ErrorCode;
}

/**
 * Rescues of one turn from failures of its providers. After as many, the next call that breaks off ends the
 * turn. Deaths of the gateway have a limit of their own (`start/recover.ts`).
 */
const MOST_RESCUES = 4;

/** Calls that ended for these reasons say nothing about their providers. */
const NO_FAILURE: ReadonlySet<ErrorCode | undefined> = new Set<ErrorCode>(['gateway_stopped', 'hedge_lost']);

/**
 * How to continue an answer of which `folded` is the first part. `undefined` where this is impossible: the
 * failure is not about the call, the turn was rescued too often, or parts would become void and the caller
 * cannot be told.
 */
export function rescueOf(
  folded: Folded,
  failure: unknown,
  ask: Ask,
  candidates: readonly Candidate[],
): Rescue | undefined {
  if (!(failure instanceof Fault) || !callFailureOf(failure)?.rescuable) return undefined;
  if (!NO_FAILURE.has(failure.code) && failedCalls(folded).length >= MOST_RESCUES) return undefined;
  const mayRestart = !isStreamed(ask.delivery) || ask.policy.whenBroken === 'restart';
  const isStuck =
    failure instanceof DifferentAnswer && candidates.every((candidate) => hasBroken(candidate, folded));
  const remains =
    isContinuable(folded, ask) && !(isStuck && mayRestart) ? remainsOf(folded) : allVoid(folded);
  const { wasSeen, ...rescue } = remains;
  if (wasSeen && !mayRestart) return undefined;
  return { ...rescue, candidates: orderAfter(folded, failure, candidates), cause: failure.code };
}

/**
 * Only text can be continued. One model must generate the whole of a structured output, of several choices, and
 * of a refusal.
 */
function isContinuable({ items }: Folded, { settings }: Ask): boolean {
  if ((settings.n ?? 1) > 1 || (settings.format?.type ?? 'text') !== 'text') return false;
  return items.every(({ item }) => item.type !== 'message' || item.content.every(isText));
}

const isText = ({ type }: Part): boolean => type === 'output_text';

type Remains = Pick<Rescue, 'text' | 'open' | 'close' | 'discard'> & {
  /** Readers have seen content of items that become void. */
  wasSeen: boolean;
};

function allVoid({ items }: Folded): Remains {
  const discard = Object.keys(items).map(Number);
  return { text: '', close: [], discard, wasSeen: items.some(({ item }) => hasContent(item)) };
}

/** A message that has started without content shows nothing to readers. */
const hasContent = (item: Item): boolean =>
  item.type === 'message' ? item.content.length > 0 : item.type !== 'reasoning';

/**
 * Text is continued, and reasoning stays as it is. Calls become void, complete ones too: they belong to an answer
 * that has not ended.
 */
function remainsOf({ items }: Folded): Remains {
  const remains: Remains = { text: '', close: [], discard: [], wasSeen: false };
  for (const [index, entry] of Object.entries(items)) addRemains(remains, Number(index), entry);
  return remains;
}

function addRemains(remains: Remains, index: number, { item, done }: FoldedItem): void {
  if (item.type === 'message') {
    remains.text += textOf(item);
    if (done) return;
    if (remains.open) remains.close.push(remains.open.index);
    remains.open = { index, part: Math.max(0, item.content.length - 1) };
  } else if (item.type === 'reasoning') {
    if (!done) remains.close.push(index);
  } else {
    remains.discard.push(index);
    remains.wasSeen = true;
  }
}

const textOf = ({ content }: Message): string =>
  content.map((part) => (part.type === 'output_text' ? part.text : '')).join('');

/**
 * The candidate whose call broke off is called first once more: it has the prompt in its cache, and may only have
 * lost a connection. It is called last if it has broken off before, if its failure is likely to last, or if it
 * gave another answer. The others keep their order, from the one after it on.
 */
function orderAfter(folded: Folded, failure: Fault, candidates: readonly Candidate[]): readonly Candidate[] {
  const { by } = folded;
  const position = candidates.findIndex((candidate) => isSame(candidate, by));
  if (position === -1) return candidates;
  const broken = candidates[position]!;
  const others = [...candidates.slice(position + 1), ...candidates.slice(0, position)];
  const hasBrokenBefore = failedCalls(folded).some((call) => isSame(broken, call.by));
  const comesLast =
    hasBrokenBefore || callFailureOf(failure)?.lasts === 'while' || failure instanceof DifferentAnswer;
  return comesLast ? [...others, broken] : [broken, ...others];
}

/** Calls that broke off because of their providers. */
const failedCalls = ({ brokenOff }: Folded): readonly BrokenOff[] =>
  brokenOff.filter(({ cause }) => !NO_FAILURE.has(cause));

const hasBroken = (candidate: Candidate, folded: Folded): boolean =>
  isSame(candidate, folded.by) || failedCalls(folded).some((call) => isSame(candidate, call.by));

const isSame = (candidate: Candidate, called: Called | undefined): boolean =>
  candidate.provider === called?.provider &&
  candidate.model === called.model &&
  candidate.instance === called.instance;
