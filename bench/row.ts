import type { LoadGenerator, Server } from './processes.ts';
import type { Spread } from './statistics.ts';

/** How long and how often a row measures. */
export interface Effort {
  rounds: number;
  /** Length of one measurement. */
  ms: number;
  warmUpMs: number;
  /** Sessions in the store that a gateway starts on. */
  seededSessions: number;
  /** Turns of the longest session. */
  longSession: number;
  /** Turns measured on each session of the row of long ones, in one round. */
  turnsPerRound: number;
  openStreams: number;
  /** How long such a stream lasts, an event a second. */
  streamSeconds: number;
  /** Until memory is looked at again after the streams. */
  settleMs: number;
  /** Turns written by the row of stored bytes. */
  storedTurns: number;
}

export const EFFORTS = {
  full: {
    rounds: 5,
    ms: 2_500,
    warmUpMs: 6_000,
    seededSessions: 1_000_000,
    longSession: 10_000,
    turnsPerRound: 100,
    openStreams: 2_000,
    streamSeconds: 12,
    settleMs: 10_000,
    storedTurns: 2_000,
  },
  quick: {
    rounds: 3,
    ms: 800,
    warmUpMs: 1_500,
    seededSessions: 50_000,
    longSession: 10_000,
    turnsPerRound: 60,
    openStreams: 2_000,
    streamSeconds: 4,
    settleMs: 3_000,
    storedTurns: 500,
  },
} satisfies Record<string, Effort>;

export interface Bench {
  effort: Effort;
  simulator: Server;
  load: LoadGenerator;
  /** Whether others are measured, too: nginx, Portkey's gateway. */
  peers: boolean;
  /** Tells the operator what is going on. */
  say(text: string): void;
}

/** What is asked of a figure; from the design's budgets. */
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
  /** What a reader has to know to judge the figures. */
  notes: string[];
}

export interface Row {
  /** `a`, `b`, … */
  key: string;
  title: string;
  measure(bench: Bench): Promise<RowResult>;
}
