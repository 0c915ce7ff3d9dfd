import type { LoadGenerator, Server } from './processes.ts';
import type { Spread } from './statistics.ts';

/** How long and how often a row measures. */
export interface Effort {
  rounds: number;
  /** Length of one measurement, in milliseconds. */
  ms: number;
  warmUpMs: number;
  /** Sessions in the store when the gateway starts. */
  seededSessions: number;
  /** Row e: turns that a process was running when it died. */
  leftTurns: number;
  /** Turns of the longest session. */
  longSession: number;
  /** Row d: turns measured in each session, in one round. */
  turnsPerRound: number;
  openStreams: number;
  /** How long each of these streams lasts. They have one event per second. */
  streamSeconds: number;
  /** How long to wait after the streams before memory is measured again. */
  settleMs: number;
  /** Row m: the size of a request's body. */
  bodyBytes: number;
  /** Row m: how long to wait after the bursts. */
  restMs: number;
  /** Row f: turns that are written. */
  storedTurns: number;
}

export const EFFORTS = {
  full: {
    rounds: 5,
    ms: 2_500,
    warmUpMs: 6_000,
    seededSessions: 1_000_000,
    leftTurns: 10_000,
    longSession: 10_000,
    turnsPerRound: 100,
    openStreams: 10_000,
    streamSeconds: 90,
    settleMs: 10_000,
    bodyBytes: 33_000_000,
    restMs: 60_000,
    storedTurns: 2_000,
  },
  quick: {
    rounds: 3,
    ms: 800,
    warmUpMs: 1_500,
    seededSessions: 50_000,
    leftTurns: 2_000,
    longSession: 10_000,
    turnsPerRound: 60,
    openStreams: 2_000,
    streamSeconds: 10,
    settleMs: 3_000,
    bodyBytes: 33_000_000,
    restMs: 30_000,
    storedTurns: 500,
  },
} satisfies Record<string, Effort>;

export interface Bench {
  effort: Effort;
  simulator: Server;
  load: LoadGenerator;
  /** Whether the peers are measured too: nginx and Portkey's gateway. */
  peers: boolean;
  /** Reports progress to the operator. */
  say(text: string): void;
}

/** The limit for a figure. The limits are in `docs/architecture.md`. */
export interface Budget {
  limit: number;
  is: 'at most' | 'at least';
}

export interface Figure {
  what: string;
  value: Spread | number;
  unit: string;
  budget?: Budget;
}

export interface RowResult {
  figures: Figure[];
  /** What a reader must know to understand the figures. */
  notes: string[];
}

export interface Row {
  /** `a`, `b`, … */
  key: string;
  title: string;
  measure(bench: Bench): Promise<RowResult>;
}
