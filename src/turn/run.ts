import type { Claw } from '../claws/claw.ts';
import { type Assembled, assemble, historyWindow } from '../context/assemble.ts';
import type { Clock } from '../core/clock.ts';
import { emptyFold } from '../core/fold.ts';
import type { Caller, Intent, Outcome } from '../core/turn.ts';
import type { Usage } from '../core/usage.ts';
import type { TurnEvents } from '../events/turn-events.ts';
import type { Candidate } from '../routing/candidate.ts';
import { choose, type Directory } from '../routing/choose.ts';
import type { Timeouts } from '../routing/deadline.ts';
import type { Journal } from '../session/journal.ts';
import { slimIntent } from '../session/large-content.ts';
import type { Resumed, Sessions } from '../session/sessions.ts';
import type { BlobStore, SessionStore } from '../session/store.ts';
import { costOf } from '../usage/prices.ts';
import type { Ask } from './ask.ts';
import { type Answer, call } from './call.ts';
import { intentOf, nativesOf } from './intent.ts';
import { LiveTurn } from './live-turn.ts';
import { budgetOf, promptFor } from './prompt.ts';
import type { Receipt } from './receipt.ts';
import { type Committed, commit, type Ending, follow } from './record.ts';
import type { RunningTurns } from './running-turns.ts';
import { settle, toFault } from './settle.ts';

/** What the turn path is made of; composed once, in `main.ts`. */
export interface TurnPath {
  directory: Directory;
  claw(candidate: Candidate): Claw;
  sessions: Sessions;
  store: SessionStore;
  blobs: BlobStore;
  journal: Journal;
  running: RunningTurns;
  timeouts: Timeouts;
  clock: Clock;
  emit: TurnEvents;
}

/**
 * The path of a turn. Settles when the turn is under way: its intent is journaled and its claw is being
 * called. From there it runs to its one outcome, whoever reads along.
 */
export async function run(ask: Ask, caller: Caller, path: TurnPath): Promise<LiveTurn> {
  const candidates = choose(ask, path.directory, (candidate) => path.claw(candidate).capabilities);
  const budget = budgetOf(candidates[0]!, ask);
  const { state, items } = ask;
  const resumed = await path.sessions.resume({
    tenant: caller.tenant,
    state,
    items,
    window: historyWindow(budget),
  });
  try {
    const context = assemble({ ...ask, ...resumed, inputNatives: nativesOf(ask, resumed), budget });
    const intent = intentOf(ask, caller, resumed, path.clock());
    const slim = ask.keep ? await slimIntent(intent, path.blobs) : intent;
    if (ask.keep) path.journal.begin(slim);
    const live = new LiveTurn(intent, ask.keep, resumed.session);
    path.running.add(live);
    void execute({ ask, caller, candidates, resumed, context, live, slim }, path);
    return live;
  } catch (error) {
    resumed.lease?.release();
    throw error;
  }
}

interface Work {
  ask: Ask;
  caller: Caller;
  candidates: readonly Candidate[];
  resumed: Resumed;
  context: Assembled;
  live: LiveTurn;
  /** The intent as it is stored. */
  slim: Intent;
}

/** Calls, follows, records. Everything that ends with the turn ends here. */
async function execute(work: Work, path: TurnPath): Promise<void> {
  const { live, resumed } = work;
  try {
    const { outcome, failure, begun } = await answer(work, path);
    const { intent } = live;
    if (live.keep) remember(work, outcome, await commit(work.slim, outcome, path), path.sessions);
    path.emit({ intent, requestId: work.caller.requestId, outcome, failure });
    live.end({ ...intent, ...outcome }, begun ? undefined : failure);
  } catch (error) {
    const fault = toFault(error);
    path.emit({ intent: live.intent, requestId: work.caller.requestId, failure: error });
    live.fail(fault);
  } finally {
    resumed.lease?.release();
  }
}

/** Keeps the branch for the session's next turn, unless large content would have to be kept with it. */
function remember(
  { resumed, slim, live }: Work,
  outcome: Outcome,
  committed: Committed,
  sessions: Sessions,
): void {
  const { isHead, isSlim, tokens, totalTokens, digest } = committed;
  if (!isHead || isSlim || slim.input !== live.intent.input) return;
  sessions.advance(resumed, { turn: { ...slim, ...outcome }, tokens, totalTokens, digest, hidden: [] });
}

interface Ended extends Ending {
  /** Whether a first delta came. */
  begun: boolean;
}

async function answer(work: Work, path: TurnPath): Promise<Ended> {
  const { ask, live, context } = work;
  let found: Answer;
  try {
    found = await call({
      candidates: work.candidates,
      claw: path.claw,
      prompt: (candidate) => promptFor(candidate, path.claw(candidate).capabilities, ask, context),
      timeouts: path.timeouts,
      signal: live.signal,
    });
  } catch (failure) {
    const nothing = { folded: emptyFold(), cost: () => undefined };
    return { outcome: settle({ ...nothing, failure, completedAt: path.clock() }), failure, begun: false };
  }
  live.start(receiptOf(work, found));
  const { price } = found.candidate;
  const cost = (usage: Usage) => price && costOf(usage, price);
  return { ...(await follow(live, found, { ...path, cost })), begun: true };
}

function receiptOf({ resumed, context }: Work, { candidate, retries }: Answer): Receipt {
  const { tokens, keptTurns, droppedTokens } = context;
  return {
    candidate,
    retries,
    history: resumed.use,
    context: { tokens, keptTurns, droppedTokens },
  };
}
