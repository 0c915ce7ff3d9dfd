import type { Capabilities } from '../claws/claw.ts';
import type { Candidate } from '../core/candidate.ts';
import type { Clock } from '../core/clock.ts';
import type { ContextPolicy } from '../core/context-policy.ts';
import type { Directory } from '../core/directory.ts';
import type { Fault } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Folded } from '../core/fold.ts';
import type { PlacedIntent } from '../core/turn.ts';
import type { CallerLimits } from '../limits/limits.ts';
import type { Overload } from '../limits/overload.ts';
import type { Dispatch } from '../routing/call-chain.ts';
import type { HealthStore } from '../routing/health.ts';
import type { MoneyBudget } from '../routing/money-budget.ts';
import type { Route } from '../routing/order.ts';
import type { RoutingFacts } from '../routing/strategies.ts';
import type { Seals } from '../security/seals.ts';
import type { BlobStore } from '../session/blob-store.ts';
import type { Journal } from '../session/journal.ts';
import type { Resumed } from '../session/resumed.ts';
import type { Sessions } from '../session/sessions.ts';
import type { TurnFeed } from '../session/turn-feed.ts';
import type { TurnLog } from '../session/turn-log.ts';
import type { ValueStore } from '../session/value-store.ts';
import type { VectorStore } from '../session/vector-store.ts';
import type { Contexts, TokenKnowledge } from './answer/contexts.ts';
import type { Embedder } from './embed/embedder.ts';
import type { Idempotency } from './idempotency/idempotency.ts';
import type { LiveTurn, LiveTurns } from './live/live-turn.ts';
import type { Slots } from './live/slots.ts';
import type { Indexer } from './past/indexer.ts';
import type { Pasts } from './past/pasts.ts';
import type { RecallEmbeddings } from './past/recall-model.ts';

/** The parts of the turn path; put together once, in `composition/`. */
export interface TurnPath {
  directory: Directory;
  capabilities(candidate: Candidate): Capabilities;
  budget: MoneyBudget;
  /** What is known about candidates when a turn is routed. */
  routing: RoutingFacts;
  /** The chain of interceptors, with the claws at its end. */
  dispatch: Dispatch;
  /** What is known of the claws at this moment. */
  health: HealthStore;
  embedder: Embedder;
  sessions: Sessions;
  /** What is derived from the branches of sessions. */
  pasts: Pasts;
  /** Makes them before they are needed. */
  indexer: Indexer;
  /** The embedding model of recall. */
  embeddings: RecallEmbeddings;
  vectors: VectorStore;
  log: TurnLog;
  values: ValueStore;
  blobs: BlobStore;
  journal: Journal;
  feed: TurnFeed;
  live: LiveTurns;
  idempotency: Idempotency;
  limits: CallerLimits;
  /** Hedges and background work ask for its `level`. */
  overload: Pick<Overload, 'level' | 'admit'>;
  slots: Slots;
  seals: Seals;
  /** What is known of how models count tokens. */
  tokens: TokenKnowledge;
  /** Changes with the configuration: read it when it is needed, keep no copy. */
  settings: TurnSettings;
  clock: Clock;
  emit: Emit;
}

/** What the configuration says about turns. */
export interface TurnSettings {
  /** What happens to histories that do not fit, where neither request, alias nor key says it. */
  readonly context?: ContextPolicy;
  readonly historyTokens?: number;
  /** The embedding model for recall: `provider/model`, or an alias. */
  readonly embeddings?: string;
  /** Milliseconds that a turn waits for its session. */
  readonly sessionWaitMs: number;
  /** Milliseconds that all calls of a turn may take together. */
  readonly turnMs: number;
  /** Milliseconds that a deferred turn waits for a claw. */
  readonly deferMs: number;
  /** What happens to a turn that was answering a client when its process died. */
  readonly recovery: 'rescue' | 'close';
}

/** A turn that has its session and is being answered. */
export interface RunningTurn {
  intent: PlacedIntent;
  /** The same with its large content offloaded, as it is journaled and committed. */
  stored: PlacedIntent;
  live: LiveTurn;
  session: Resumed;
  contexts: Contexts;
  /** As it was decided when the turn started, or after it has waited for a claw. */
  route: Route;
  /** The deltas so far; not empty where the turn began in a process that has died. */
  folded: Folded;
  /** Why the answer broke off in an earlier process. */
  brokenBy?: Fault;
}
