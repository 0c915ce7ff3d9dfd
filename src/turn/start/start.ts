import type { Recalled } from '../../context/recalled.ts';
import { itemsTokens } from '../../context/tokens.ts';
import type { ContextWish } from '../../core/context-policy.ts';
import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import { foldAll } from '../../core/fold.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Item } from '../../core/items.ts';
import { ownInstructions } from '../../core/opening.ts';
import type { Alias, KeyRules } from '../../core/routing.ts';
import {
  type Ask,
  type BranchPosition,
  isBackground,
  isKept,
  type PlacedIntent,
  type WaitingIntent,
} from '../../core/turn.ts';
import type { Hold } from '../../limits/hold.ts';
import { type Chosen, candidatesOf, choose } from '../../routing/choose.ts';
import { release } from '../../session/heads.ts';
import { digestItems, EMPTY_DIGEST } from '../../session/history.ts';
import type { QueuedAsk } from '../../session/next-request.ts';
import type { Resumed } from '../../session/resumed.ts';
import { offloadedIntent } from '../../session/stored-turn.ts';
import { Contexts, type Reach, reachWith } from '../answer/contexts.ts';
import type { LiveTurn } from '../live/live-turn.ts';
import type { RunningTurn, TurnPath } from '../path.ts';
import { recall } from './recall.ts';
import { routeOf } from './route.ts';

/** How a turn enters its path. */
export type Start =
  /** A caller waits. Until the intent is journaled, a failure goes to the caller and is not recorded. */
  | { by: 'caller'; intent: WaitingIntent; chosen: Chosen; live: LiveTurn; hold?: Hold }
  /** Journaled and acknowledged: the turn waits for its session and a slot as long as it takes. */
  | {
      by: 'queue';
      intent: WaitingIntent;
      live: LiveTurn;
      hold?: Hold;
      leaveQueue(): void;
      /** Present where the turn was taken over from a dead process: it goes on when this resolves. */
      continues?: Promise<void>;
    }
  /** The turn of a process that has died. `deltas` are the answer up to that moment. */
  | {
      by: 'recovery';
      intent: PlacedIntent;
      /** The intent as it is journaled, with its large content offloaded. */
      stored: PlacedIntent;
      deltas: readonly Delta[];
      live: LiveTurn;
      /** The turn goes on when this resolves. */
      continues?: Promise<void>;
    };

/**
 * The candidates of a turn. Those of a caller's turn were chosen when its request arrived; those of a turn that
 * has waited are chosen now.
 */
function candidatesFor(start: Start, path: TurnPath): Chosen {
  if (start.by === 'caller') return start.chosen;
  return choose(start.intent, start.intent, path);
}

/** How much of its history the turn reads, by its candidates and its context policy. */
export function reachOf(start: Start, path: TurnPath): Reach {
  const { intent } = start;
  const chosen = candidatesFor(start, path);
  const wish = contextWishOf(intent, intent.rules, chosen.alias, path.settings);
  return reachWith(candidatesOf(chosen), intent, wish, path.tokens.ratios);
}

/** The first that says it: the request, the alias, the key, the configuration, the dialect. */
export function contextWishOf(
  { context, defaultContext }: Pick<Ask, 'context' | 'defaultContext'>,
  rules: KeyRules | undefined,
  alias: Alias | undefined,
  settings: Pick<TurnPath['settings'], 'context' | 'historyTokens'>,
): ContextWish {
  return {
    policy: context ?? alias?.context ?? rules?.context ?? settings.context ?? defaultContext,
    historyTokens: alias?.historyTokens ?? rules?.historyTokens ?? settings.historyTokens,
  };
}

/**
 * What the turn holds until its end: its share of the caller's limits, and for a queued turn its position in the
 * queue.
 */
export function holdingsOf(start: Start): AsyncDisposableStack {
  const held = new AsyncDisposableStack();
  if (start.by === 'queue') held.defer(start.leaveQueue);
  const hold = holdOf(start);
  if (hold) held.defer(() => hold.settle());
  return held;
}

/** The turn's share of the limits. A recovered turn has none: its process has died, and the counters with it. */
export function holdOf(start: Start): Hold | undefined {
  return start.by === 'recovery' ? undefined : start.hold;
}

/** The session as the turn finds it, with the right to write to it, which `held` releases. */
export async function resume(
  start: Start,
  window: number,
  held: AsyncDisposableStack,
  path: TurnPath,
): Promise<Resumed> {
  const { live, intent } = start;
  const resuming =
    start.by === 'recovery'
      ? path.sessions.resumeTurn(start.intent, window, queuedAsk(start))
      : path.sessions.resume({
          tenant: intent.tenant,
          session: intent.session,
          state: intent.state,
          turn: intent.id,
          input: intent.input,
          instructions: intent.instructions,
          window,
          writes: isKept(intent.retention),
          whenBusy: intent.policy.whenBusy,
          waitMs: start.by === 'caller' ? path.settings.sessionWaitMs : Number.POSITIVE_INFINITY,
          asks: queuedAsk(start),
          tokensOf: itemsTokens,
        });
  const session = await (start.by === 'caller' ? resuming : unlessStopped(live, resuming, release));
  live.timeline.end('session');
  held.defer(() => release(session));
  holdOf(start)?.expectPrompt(promptTokens(session, window));
  expectContent(intent, session);
  if (session.kind !== 'head') return session;
  session.lease.onLost(() => loseSession(start, path));
  return session;
}

/** No provider answers a prompt without items. One that OpenAI stores, which `prompt` names, may have some. */
function expectContent({ instructions, extra }: Start['intent'], { branch, input }: Resumed): void {
  if (input.length > 0 || branch.length > 0 || isGiven(extra.prompt)) return;
  const beside = instructions === undefined ? '' : ' beside the instructions';
  const message = `\`input\`: expected an item to answer; the conversation has none${beside}.`;
  throw new Fault('invalid_request', message, { param: 'input' });
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

/** Of the items of the prompt: the branch within its window, and the input. */
function promptTokens({ branch, input }: Resumed, window: number): number {
  return Math.min(window, (branch.at(-1)?.totalTokens ?? 0) + itemsTokens(input));
}

/** A turn that is fetched later is not dropped: it runs without a client. */
function queuedAsk({ live, intent }: Start): QueuedAsk {
  const { input, state, delivery, deferredUntil } = intent;
  const isAgent = state.kind === 'session' && state.line?.isAgent === true;
  const isFetchedLater = isBackground(delivery) || deferredUntil !== undefined;
  return { input, isAgent, drop: isFetchedLater ? undefined : () => live.stopWithoutClient() };
}

/**
 * Waits until a turn that was taken over may go on. It has its session by then, so that no newer turn comes before it.
 */
export async function waitToContinue({ live, continues }: Exclude<Start, { by: 'caller' }>): Promise<void> {
  if (continues) await unlessStopped(live, continues, () => {});
}

/** Waits for a slot of the background; `held` frees it. */
export async function enterSlot({ live }: Start, held: AsyncDisposableStack, path: TurnPath): Promise<void> {
  held.defer(await unlessStopped(live, path.slots.enter(), (leave) => leave()));
  live.timeline.end('slot');
}

/** A background or deferred turn stays in the journal when the gateway stops: the successor process runs it. */
export function isLeftToSuccessor(intent: WaitingIntent | PlacedIntent, failure: unknown): boolean {
  const isPatient = isBackground(intent.delivery) || intent.deferredUntil !== undefined;
  return isPatient && failure instanceof Fault && failure.code === 'shutting_down';
}

function loseSession({ live, intent }: Start, { emit }: TurnPath): void {
  emit({ type: 'lease-lost', trace: intent });
  live.stop(new Fault('session_moved', 'Another process took over the session while this turn ran.'));
}

/** Resolves as `awaited`, or rejects when the turn is stopped first. Then `undo` gets the value that comes too late. */
function unlessStopped<T>(live: LiveTurn, awaited: Promise<T>, undo: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const { signal } = live;
    const stop = () => {
      reject(signal.reason);
      awaited.then(undo, () => {});
    };
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    awaited.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** What the turn may have of its past beside the latest turns. */
export function recallFor({ intent }: Start, session: Resumed, reach: Reach, path: TurnPath) {
  const { tenant, rules } = intent;
  return recall({ tenant, rules, ask: intent, session, ...reach }, path);
}

type Assembled = Omit<RunningTurn, 'stored'>;

/** What a prompt is assembled from, beside the turn itself. */
export interface Found {
  session: Resumed;
  reach: Reach;
  recalled?: Recalled;
}

/**
 * The turn at its position on the branch, with its contexts and its route. Rejects with `context_length_exceeded`
 * where the conversation fits no candidate.
 */
export async function assembleTurn(
  start: Start,
  { session, reach: { wish, window }, recalled }: Found,
  path: TurnPath,
): Promise<Assembled> {
  const { live } = start;
  if (recalled) live.timeline.end('recall');
  const chosen = candidatesFor(start, path);
  const intent =
    start.by === 'recovery' ? recoveredIntent(start.intent, session) : placed(start.intent, session);
  const contexts = new Contexts({
    intent,
    branch: session.branch,
    window,
    wish,
    recalled,
    seals: path.seals,
    tokens: path.tokens,
  });
  const candidates = candidatesOf(chosen);
  const counting = contexts.countNear(candidates);
  if (counting) await counting;
  contexts.expectFit(candidates);
  const route = routeOf(chosen, { intent, session, contexts }, path);
  live.timeline.end('context');
  const turn = { intent, live, session, contexts, route };
  if (start.by !== 'recovery') return { ...turn, folded: foldAll([]) };
  return { ...turn, folded: foldAll(start.deltas), brokenBy: gatewayStopped() };
}

/**
 * Journals the intent, and lets readers find the turn. A recovered turn is in the journal already.
 * Rejects with `store_unavailable` where the journal cannot be written; the turn must not run then.
 */
export async function journalIntent(
  start: Start,
  turn: Assembled,
  { journal, blobs, live: liveTurns, emit }: TurnPath,
): Promise<RunningTurn> {
  const { intent, live, session } = turn;
  let stored = intent;
  if (start.by === 'recovery') stored = { ...start.stored, position: intent.position };
  else if (isKept(intent.retention)) {
    stored = await offloadedIntent(intent, blobs);
    const written = journal.begin(stored);
    if (written) await written;
  }
  live.timeline.end('journal');
  live.run(intent, session.session);
  if (start.by === 'caller') liveTurns.add(live, intent);
  emit({ type: 'turn-started', intent, startedBy: start.by });
  return { ...turn, stored };
}

/** An intent at the position that its session gives it. */
export function placed(waiting: WaitingIntent, session: Resumed): PlacedIntent {
  const { input } = session;
  return {
    ...waiting,
    kind: 'placed',
    input,
    inputNatives: nativesOf(waiting, input),
    position: isKept(waiting.retention) ? positionOf(waiting.id, session) : unkept(session),
  };
}

/** The intent of a turn that is recorded but never got its session: it is not on any branch. */
export function unplaced(waiting: WaitingIntent): PlacedIntent {
  const { session: id, input } = waiting;
  return placed(waiting, {
    kind: 'stateless',
    id,
    session: undefined,
    parent: null,
    branch: [],
    input,
    line: 0,
  });
}

/** A turn that is not kept needs no counts. */
const unkept = ({ parent, opening }: Resumed): BranchPosition => ({
  parent,
  branchTokens: 0,
  inputTokens: 0,
  digest: EMPTY_DIGEST,
  opening,
});

/** The position on its branch of a turn that continues `session`. */
export function positionOf(id: TurnId, session: Resumed): BranchPosition {
  const { branch, input, parent, line, lineChange, opening, resent } = session;
  const own = ownInstructions({ id, parent, input, opening });
  const tip = branch.at(-1);
  return {
    parent,
    branchTokens: tip?.totalTokens ?? 0,
    inputTokens: itemsTokens(input),
    digest: digestItems(tip?.digest ?? EMPTY_DIGEST, input.slice(own)),
    line,
    lineChange,
    opening,
    resent,
    moveHead: session.kind === 'head' ? { from: session.from } : undefined,
  };
}

/** If the session's head has moved without a recovered turn, the turn is stored beside the branch. */
function recoveredIntent(intent: PlacedIntent, session: Resumed): PlacedIntent {
  const moveHead = session.kind === 'head' ? { from: session.from } : undefined;
  return { ...intent, position: { ...intent.position, moveHead } };
}

/** Natives are numbered by the caller's items; items that were left out or repaired shift the numbers. */
function nativesOf({ input: sent, inputNatives }: WaitingIntent, input: readonly Item[]) {
  if (!inputNatives || sent === input) return inputNatives;
  const places = new Map(sent.map((item, index) => [item, index]));
  const moved = input.flatMap((item, index) => {
    const place = places.get(item);
    const native = place === undefined ? undefined : inputNatives[place];
    return native === undefined ? [] : [[index, native] as const];
  });
  return moved.length > 0 ? Object.fromEntries(moved) : undefined;
}

/** The failure of a turn that the end of its process broke off. */
export const gatewayStopped = (message = 'The gateway stopped while this turn was running.'): Fault =>
  new Fault('gateway_stopped', message);
