import { type ErrorCode, Fault } from '../core/errors.ts';
import type { Called } from '../core/fold.ts';
import type { Candidate } from '../routing/candidate.ts';
import { type Answer, call } from './call.ts';
import { Joint } from './joint.ts';
import type { TurnPath, Work } from './path.ts';
import { promptFor } from './prompt.ts';
import type { Receipt } from './receipt.ts';
import { take } from './record.ts';
import { isWhole, type Rescue, rescueOf } from './rescue.ts';

/** Failures that say that a claw cannot be reached now, and may be later. */
const DOWN = new Set<ErrorCode>([
  'provider_unreachable',
  'provider_timeout',
  'provider_error',
  'provider_overloaded',
  'rate_limited',
]);

/** Milliseconds between two tries of a turn that was put off; the pause doubles. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/**
 * Gets the answer of a turn, from as many calls as it takes: candidates in order until one begins, others
 * to go on where one broke off. Everything is journaled before it is seen. Never throws: resolves to what
 * kept the answer from being whole, or to `undefined`.
 */
export async function answer(work: Work, path: TurnPath): Promise<unknown> {
  const { ask, folded } = work;
  let failure: unknown = work.brokenBy;
  for (;;) {
    if (isWhole(folded, ask.settings.n ?? 1)) {
      closeAll(work, path);
      return undefined;
    }
    const rescue = failure === undefined ? undefined : rescueOf(folded, failure, ask, work.candidates);
    if (failure !== undefined && !rescue) return failure;
    let found: Answer;
    try {
      found = await begin(work, rescue, path);
    } catch (error) {
      // What broke the answer tells more than that nobody could go on with it, unless somebody stopped it.
      return folded.by && !work.live.signal.aborted ? failure : error;
    }
    failure = await follow(work, found, rescue, path);
    if (failure === undefined) return undefined;
  }
}

/** Calls until a candidate answers: at once, or for a turn that may be put off, until its time is up. */
async function begin(work: Work, rescue: Rescue | undefined, path: TurnPath): Promise<Answer> {
  const { ask, context, live, intent } = work;
  const parts = {
    candidates: rescue?.candidates ?? work.candidates,
    claw: path.claw,
    prompt: (candidate: Candidate) =>
      promptFor(candidate, path.claw(candidate).capabilities, ask, context, rescue?.said),
    timeouts: path.timeouts,
    signal: live.signal,
  };
  const { deferredUntil = 0 } = intent.plan!;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      return await call(parts);
    } catch (error) {
      if (!(error instanceof Fault) || !DOWN.has(error.code)) throw error;
      const wait = Math.max(pause, (error.retryAfter ?? 0) * 1_000);
      if (path.clock() + wait > deferredUntil) throw error;
      live.defer();
      await stopped(live.signal, wait);
    }
  }
}

/** Waits; rejects with the signal's reason as soon as it is aborted. */
function stopped(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** Takes one call's answer down as it comes. Resolves to what broke it off. */
async function follow(
  work: Work,
  found: Answer,
  rescue: Rescue | undefined,
  { journal }: TurnPath,
): Promise<unknown> {
  const { live, folded } = work;
  const { provider, protocol, model } = found.candidate;
  const by: Called = { provider, protocol, model };
  const joint = rescue && new Joint(rescue, folded.items.length, found.exact);
  const opening = joint?.opening(by) ?? [{ type: 'attempt' as const, ...by }];
  live.start(receiptOf(work, found));
  let isFirst = true;
  try {
    for await (const burst of found.bursts) {
      // Who goes on is on record, even where nothing that it says is of use.
      if (isFirst && joint) take(live, opening, folded, journal);
      const joined = joint?.join(burst) ?? burst;
      take(live, isFirst && !joint ? [...opening, ...joined] : joined, folded, journal);
      isFirst = false;
    }
    return undefined;
  } catch (failure) {
    return failure;
  }
}

/** The provider has ended the answer, if not its stream: what is still open has come whole. */
function closeAll({ live, folded }: Work, { journal }: TurnPath): void {
  const open = folded.items.flatMap(({ done }, index) =>
    done ? [] : [{ type: 'item-end' as const, index }],
  );
  take(live, open, folded, journal);
}

function receiptOf({ resumed, context }: Work, { candidate, retries }: Answer): Receipt {
  const { tokens, keptTurns, droppedTokens } = context;
  return { candidate, retries, history: resumed.use, context: { tokens, keptTurns, droppedTokens } };
}
