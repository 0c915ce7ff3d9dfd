import type { ErrorCode } from '../core/errors.ts';
import { Fault } from '../core/errors.ts';
import type { Called, Folded, FoldedItem } from '../core/fold.ts';
import type { Item, Message, Part } from '../core/items.ts';
import type { Candidate } from '../routing/candidate.ts';
import type { Ask } from './ask.ts';
import { BeganAnew } from './seam.ts';

/** How an answer goes on after a call broke off. */
export interface Rescue {
  /** Whom to call, in order. */
  candidates: readonly Candidate[];
  /** The text that the next claw continues; empty where it answers anew. */
  said: string;
  /** The message that was cut: what continues it goes on there. */
  open?: { index: number; part: number };
  /** What was cut and stays as it is: thoughts. */
  close: number[];
  /** What cannot be continued and is void. */
  discard: number[];
  cause: ErrorCode;
}

/** Failures of the call, not of what was asked: another call may do better. */
const RESCUABLE = new Set<ErrorCode>([
  'stream_interrupted',
  'provider_protocol_error',
  'provider_error',
  'provider_overloaded',
  'provider_timeout',
  'provider_unreachable',
  'rate_limited',
  'gateway_stopped',
]);

/** Calls that may break off in one turn before it is given up. */
const MOST_BROKEN = 4;

/**
 * How to go on with an answer of which a part has been seen, or `undefined` where that is impossible: because
 * of what broke it, because it broke too often, or because parts would be void and the caller cannot be told.
 */
export function rescueOf(
  folded: Folded,
  failure: unknown,
  ask: Ask,
  candidates: readonly Candidate[],
): Rescue | undefined {
  if (!(failure instanceof Fault) || !RESCUABLE.has(failure.code)) return undefined;
  if (folded.brokenOff.length >= MOST_BROKEN) return undefined;
  const mayRestart = !ask.stream || ask.policy.whenBroken === 'restart';
  const isStuck =
    failure instanceof BeganAnew && candidates.every((candidate) => hasBroken(candidate, folded));
  const remains =
    isContinuable(folded, ask) && !(isStuck && mayRestart) ? remainsOf(folded) : allVoid(folded);
  const { isHeard, ...rescue } = remains;
  if (isHeard && !mayRestart) return undefined;
  return { ...rescue, candidates: orderAfter(folded, failure, candidates), cause: failure.code };
}

/**
 * A text can be continued; a document with a form, or one of several choices, has to be made whole by one
 * model, and so has a refusal.
 */
function isContinuable({ items }: Folded, { settings }: Ask): boolean {
  if ((settings.n ?? 1) > 1 || (settings.format?.type ?? 'text') !== 'text') return false;
  return items.every(({ item }) => item.type !== 'message' || item.content.every(isText));
}

const isText = ({ type }: Part): boolean => type === 'output_text';

type Remains = Pick<Rescue, 'said' | 'open' | 'close' | 'discard'> & {
  /** Readers have taken in what is void now. */
  isHeard: boolean;
};

function allVoid({ items }: Folded): Remains {
  const discard = Object.keys(items).map(Number);
  return { said: '', close: [], discard, isHeard: items.some(({ item }) => isHeard(item)) };
}

/** A message that was announced and has no content yet says nothing. */
const isHeard = (item: Item): boolean =>
  item.type === 'message' ? item.content.length > 0 : item.type !== 'reasoning';

/** Text is continued and thoughts stay as they are; calls, whole ones too, belong to an answer that has no end. */
function remainsOf({ items }: Folded): Remains {
  const remains: Remains = { said: '', close: [], discard: [], isHeard: false };
  for (const [index, entry] of Object.entries(items)) addRemains(remains, Number(index), entry);
  return remains;
}

function addRemains(remains: Remains, index: number, { item, done }: FoldedItem): void {
  if (item.type === 'message') {
    remains.said += textOf(item);
    if (done) return;
    if (remains.open) remains.close.push(remains.open.index);
    remains.open = { index, part: Math.max(0, item.content.length - 1) };
  } else if (item.type === 'reasoning') {
    if (!done) remains.close.push(index);
  } else {
    remains.discard.push(index);
    remains.isHeard = true;
  }
}

const textOf = ({ content }: Message): string =>
  content.map((part) => (part.type === 'output_text' ? part.text : '')).join('');

/** Failures that are likely to last. */
const LASTING = new Set<ErrorCode>(['provider_timeout', 'provider_overloaded', 'rate_limited']);

/**
 * The one that broke off has the prompt in its cache and may only have lost a connection, so it gets a second
 * chance; but one that is slow or overloaded, that cannot continue, or has had its chance, comes last.
 */
function orderAfter(
  { by, brokenOff }: Folded,
  failure: Fault,
  candidates: readonly Candidate[],
): readonly Candidate[] {
  const at = candidates.findIndex((candidate) => isSame(candidate, by));
  if (at === -1) return candidates;
  const broken = candidates[at]!;
  const others = [...candidates.slice(at + 1), ...candidates.slice(0, at)];
  const hadItsChance = brokenOff.some((call) => isSame(broken, call.by));
  const comesLast = hadItsChance || LASTING.has(failure.code) || failure instanceof BeganAnew;
  return comesLast ? [...others, broken] : [broken, ...others];
}

const hasBroken = (candidate: Candidate, { by, brokenOff }: Folded): boolean =>
  isSame(candidate, by) || brokenOff.some((call) => isSame(candidate, call.by));

const isSame = (candidate: Candidate, called: Called | undefined): boolean =>
  candidate.provider === called?.provider && candidate.model === called.model;

/** Whether the provider has said that the answer is at its end, whatever became of the connection after it. */
export function isWhole(folded: Folded, choices: number): boolean {
  return folded.finish.length >= choices && Array.from(folded.finish).every(Boolean);
}
