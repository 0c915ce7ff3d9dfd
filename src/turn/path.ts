import type { Claw } from '../claws/claw.ts';
import type { Assembled } from '../context/assemble.ts';
import type { Clock } from '../core/clock.ts';
import type { Fault } from '../core/errors.ts';
import type { Folded } from '../core/fold.ts';
import type { Caller, Intent } from '../core/turn.ts';
import type { TurnEvents } from '../events/turn-events.ts';
import type { Candidate } from '../routing/candidate.ts';
import type { Directory } from '../routing/choose.ts';
import type { Timeouts } from '../routing/deadline.ts';
import type { Journal } from '../session/journal.ts';
import type { Resumed, Sessions } from '../session/sessions.ts';
import type { BlobStore, SessionStore } from '../session/store.ts';
import type { Ask } from './ask.ts';
import type { Background } from './background.ts';
import type { Accepted } from './intent.ts';
import type { LiveTurn } from './live-turn.ts';
import type { Repeats } from './repeats.ts';
import type { RunningTurns } from './running-turns.ts';

/** What the turn path is made of; composed once, in `main.ts`. */
export interface TurnPath {
  directory: Directory;
  claw(candidate: Candidate): Claw;
  sessions: Sessions;
  store: SessionStore;
  blobs: BlobStore;
  journal: Journal;
  running: RunningTurns;
  repeats: Repeats;
  background: Background;
  timeouts: Timeouts;
  /** Milliseconds. */
  patience: {
    /** How long a turn waits for its session. */
    sessionMs: number;
    /** How long a turn that may be put off waits for a claw. */
    deferMs: number;
  };
  clock: Clock;
  emit: TurnEvents;
}

/** A request that will be a turn. */
export interface Wanted {
  ask: Ask;
  caller: Caller;
  accepted: Accepted;
  candidates: readonly Candidate[];
}

/** Everything that answering a turn takes. */
export interface Work {
  ask: Ask;
  candidates: readonly Candidate[];
  resumed: Resumed;
  context: Assembled;
  intent: Intent;
  /** The intent as it is stored. */
  slim: Intent;
  live: LiveTurn;
  /** What has come so far; not empty where the turn began in a process that has died. */
  folded: Folded;
  /** What broke the answer off before, where it did. */
  brokenBy?: Fault;
}
