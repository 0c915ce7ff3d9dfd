import type { Claw } from '../claws/claw.ts';
import { type Assembled, assemble, type Budget, historyWindow } from '../context/assemble.ts';
import type { Clock } from '../core/clock.ts';
import { newTurnId } from '../core/ids.ts';
import type { Prompt, PromptItem } from '../core/prompt.ts';
import type { Caller, Intent, Outcome } from '../core/turn.ts';
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
import { LiveTurn } from './live-turn.ts';
import type { Receipt } from './receipt.ts';
import { commit, follow } from './record.ts';
import type { RunningTurns } from './running-turns.ts';
import { settle, toFault } from './settle.ts';
import { NOWHERE, standingOf } from './standing.ts';

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
    const live = new LiveTurn(intent, ask.keep, ask.keep && ask.stream, resumed.session);
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
    if (live.keep) await commit(work.slim, outcome, path);
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

interface Ended {
  outcome: Outcome;
  failure?: unknown;
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
      prompt: (candidate) => promptFor(candidate, ask, context),
      timeouts: path.timeouts,
      signal: live.signal,
    });
  } catch (failure) {
    const nothing = { folded: { items: [], finish: [] }, failure, cost: () => undefined };
    return { outcome: settle({ ...nothing, completedAt: path.clock() }), failure, begun: false };
  }
  live.start(receiptOf(work, found));
  const { price } = found.candidate;
  const cost = (usage: Parameters<typeof costOf>[0]) => price && costOf(usage, price);
  return { ...(await follow(live, found, { ...path, cost })), begun: true };
}

function intentOf(ask: Ask, caller: Caller, resumed: Resumed, createdAt: number): Intent {
  return {
    id: newTurnId(resumed.id, createdAt),
    tenant: caller.tenant,
    session: resumed.id,
    parent: resumed.parent,
    createdAt,
    dialect: ask.dialect,
    model: ask.model,
    input: resumed.input,
    instructions: ask.instructions,
    settings: ask.settings,
    echo: ask.echo,
    listed: ask.listed,
    metadata: ask.metadata,
    inputNatives: nativesOf(ask, resumed),
    standing: ask.keep ? standingOf(resumed) : NOWHERE,
  };
}

/** Natives are numbered by the caller's items; what was left out or mended before the rest shifts them. */
function nativesOf(ask: Ask, { input }: Resumed): Record<number, unknown> | undefined {
  if (!ask.natives || ask.items === input) return ask.natives;
  const { natives, items } = ask;
  const moved = input.flatMap((item, index) => {
    const native = natives[items.indexOf(item)];
    return native === undefined ? [] : [[index, native] as const];
  });
  return moved.length > 0 ? Object.fromEntries(moved) : undefined;
}

const ASSUMED_CONTEXT = 128_000;
const ASSUMED_ANSWER = 4_096;

function budgetOf({ contextLimit, outputLimit }: Candidate, ask: Ask): Budget {
  const context = contextLimit ?? ASSUMED_CONTEXT;
  const answer = ask.settings.max_output_tokens ?? Math.min(outputLimit ?? ASSUMED_ANSWER, ASSUMED_ANSWER);
  return { context, answer: Math.min(answer, context / 2), overflow: ask.overflow };
}

/** The wire protocol that a dialect of ours shares its words with. */
const PROTOCOL = { chat: 'openai-chat', responses: 'openai-responses' } as const;

function promptFor(candidate: Candidate, ask: Ask, context: Assembled): Prompt {
  return {
    model: candidate.model,
    instructions: ask.instructions,
    items: context.items.map((entry) => seenBy(candidate, entry, ask)),
    settings: ask.settings,
    outputLimit: candidate.outputLimit,
    stream: ask.stream,
    dialect: PROTOCOL[ask.dialect],
    extra: ask.extra,
  };
}

/**
 * An item as this candidate may see it. A native in another protocol's form means nothing to it, even at
 * the same provider. A thought that the caller brings back in the provider's own dialect is taken for the
 * provider's: only its encrypted form can be of use, and only to the one that made it.
 */
function seenBy(candidate: Candidate, entry: PromptItem, ask: Ask): PromptItem {
  const { item, origin, native, protocol } = entry;
  if (origin === undefined) {
    const own = item.type === 'reasoning' && candidate.protocol === PROTOCOL[ask.dialect];
    return own ? { ...entry, origin: candidate.provider, native: item.id && { id: item.id } } : entry;
  }
  return native !== undefined && protocol !== candidate.protocol ? { ...entry, native: undefined } : entry;
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
