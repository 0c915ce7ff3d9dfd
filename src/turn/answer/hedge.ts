import type { Candidate } from '../../core/candidate.ts';
import { Fault } from '../../core/errors.ts';
import type { Answer, Call, Dispatch } from '../../routing/call-chain.ts';

/** A call, and another one that begins if the first is slow. */
export interface Hedge {
  call: Call;
  afterMs: number;
  /** Called once, when the first call is slow; `undefined` where no other candidate can be called. */
  next(): Call | undefined;
}

/** How calls ended: with the answer that came first, or with the failures of all, the last one last. */
export type Ended = Won | { failed: readonly Failed[] };

/** The call that answered first. */
export interface Won {
  call: Call;
  answer: Answer;
  /** The candidates of calls that were running, and were cancelled. */
  slower: readonly Candidate[];
  /** The calls that had failed before. */
  failed: readonly Failed[];
}

/** A call that failed before its answer began. */
export interface Failed {
  call: Call;
  failure: unknown;
}

/** One of the calls that race. */
interface Runner {
  call: Call;
  stop: AbortController;
  /** Its provider has been called: a call may also wait for a slot of its claw, or for its next retry. */
  isRunning: boolean;
  /** Never rejects. */
  ended: Promise<RunnerEnd>;
}

type RunnerEnd = { runner: Runner } & ({ answer: Answer } | { failure: unknown });

/**
 * Calls a candidate and, if no delta comes for `afterMs`, another one too: the first delta wins, and the other call
 * is cancelled. While one of the calls still runs, the failure of the other is no failure. Rejects only where `next`
 * throws.
 */
export async function hedged({ call, afterMs, next }: Hedge, dispatch: Dispatch): Promise<Ended> {
  const first = runnerOf(call, dispatch);
  const running = new Set([first]);
  try {
    const other = (await isLate(first, afterMs)) ? next() : undefined;
    if (other) running.add(runnerOf(other, dispatch));
    return await firstAnswer(running);
  } finally {
    for (const runner of running) void discard(runner);
  }
}

function runnerOf(call: Call, dispatch: Dispatch): Runner {
  const stop = new AbortController();
  const signal = AbortSignal.any([call.signal, stop.signal]);
  const runner = { call, stop, isRunning: false } as Runner;
  const running = (isRunning: boolean) => {
    runner.isRunning = isRunning;
  };
  runner.ended = dispatch({ ...call, signal, running }).then(
    (answer) => ({ runner, answer }),
    (failure: unknown) => ({ runner, failure }),
  );
  return runner;
}

async function isLate({ ended }: Runner, afterMs: number): Promise<boolean> {
  const late = Promise.withResolvers<true>();
  const timer = setTimeout(() => late.resolve(true), afterMs);
  const isInTime = ended.then(() => false);
  try {
    return await Promise.race([isInTime, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Takes the calls that have ended out of `running`; those that remain have lost. */
async function firstAnswer(running: Set<Runner>): Promise<Ended> {
  const failed: Failed[] = [];
  while (running.size > 0) {
    const ended = await Promise.race([...running].map((runner) => runner.ended));
    const { runner } = ended;
    running.delete(runner);
    if ('answer' in ended) {
      const slower = [...running].filter(({ isRunning }) => isRunning).map(({ call }) => call.candidate);
      return { call: runner.call, answer: ended.answer, slower, failed };
    }
    failed.push({ call: runner.call, failure: ended.failure });
  }
  return { failed };
}

/** Ends a call that lost, also if its answer begins in the same moment. */
async function discard({ stop, ended }: Runner): Promise<void> {
  stop.abort(new Fault('hedge_lost', 'Another call answered sooner.'));
  const result = await ended;
  if ('answer' in result) await result.answer.rest.return?.();
}
