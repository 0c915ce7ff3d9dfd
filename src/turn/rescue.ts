import type { ErrorCode } from '../core/errors.ts';
import { Fault } from '../core/errors.ts';
import type { Called, Folded, FoldedItem } from '../core/fold.ts';
import type { Message } from '../core/items.ts';
import type { Candidate } from '../routing/candidate.ts';
import type { Ask } from './ask.ts';

/** How an answer goes on after a call broke off. */
export interface Rescue {
  /** Whom to call, in order. */
  candidates: readonly Candidate[];
  /** The text that the next claw continues; empty where it answers anew. */
  said: string;
  /** The message that was cut: what continues it goes on there. */
  open?: { index: number; part: number };
  /** Thoughts that were cut. */
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
  const remains = continuable(ask) ? remainsOf(folded) : allVoid(folded);
  if (!remains) return undefined;
  const { isHeard, ...rescue } = remains;
  if (isHeard && ask.stream && ask.policy.whenBroken === 'fail') return undefined;
  return { ...rescue, candidates: orderAfter(folded, failure.code, candidates), cause: failure.code };
}

/** A text can be continued; a document with a form, or one of several choices, has to be made whole by one model. */
const continuable = ({ settings }: Ask): boolean =>
  (settings.n ?? 1) === 1 && (settings.format?.type ?? 'text') === 'text';

type Remains = Pick<Rescue, 'said' | 'open' | 'close' | 'discard'> & {
  /** Readers have taken in what is void now. */
  isHeard: boolean;
};

function allVoid({ items }: Folded): Remains {
  const discard = Object.keys(items).map(Number);
  return { said: '', close: [], discard, isHeard: items.some(({ item }) => item.type !== 'reasoning') };
}

/** Text is continued and thoughts stay as they are; calls, whole ones too, belong to an answer that has no end. */
function remainsOf({ items }: Folded): Remains | undefined {
  const remains: Remains = { said: '', close: [], discard: [], isHeard: false };
  for (const [index, entry] of Object.entries(items)) {
    if (!addRemains(remains, Number(index), entry)) return undefined;
  }
  return remains;
}

function addRemains(remains: Remains, index: number, { item, done }: FoldedItem): boolean {
  if (item.type === 'message') {
    if (item.content.some(({ type }) => type !== 'output_text')) return false;
    remains.said += textOf(item);
    if (!done) remains.open = { index, part: Math.max(0, item.content.length - 1) };
  } else if (item.type === 'reasoning') {
    if (!done) remains.close.push(index);
  } else {
    remains.discard.push(index);
    remains.isHeard = true;
  }
  return true;
}

const textOf = ({ content }: Message): string =>
  content.map((part) => (part.type === 'output_text' ? part.text : '')).join('');

/**
 * The one that broke off has the prompt in its cache and may only have lost a connection, so it gets a second
 * chance; but one that is slow, or has had its chance, comes last.
 */
function orderAfter(
  { by, brokenOff }: Folded,
  cause: ErrorCode,
  candidates: readonly Candidate[],
): readonly Candidate[] {
  const at = candidates.findIndex((candidate) => isSame(candidate, by));
  if (at === -1) return candidates;
  const broken = candidates[at]!;
  const others = [...candidates.slice(at + 1), ...candidates.slice(0, at)];
  const hadItsChance = brokenOff.some((call) => isSame(broken, call.by));
  return hadItsChance || cause === 'provider_timeout' ? [...others, broken] : [broken, ...others];
}

const isSame = (candidate: Candidate, called: Called | undefined): boolean =>
  candidate.provider === called?.provider && candidate.model === called.model;

/** Whether the provider has said that the answer is at its end, whatever became of the connection after it. */
export function isWhole(folded: Folded, choices: number): boolean {
  return folded.finish.length >= choices && Array.from(folded.finish).every(Boolean);
}
