/** What the load generator is asked to do, and what it answers. Both travel between processes as JSON. */

export interface Job {
  port: number;
  path: string;
  headers: Record<string, string>;
  /** `{session}` here and in the headers becomes a number, see `sessions`. */
  body: string;
  /** A text of the answer's first token, to time it. */
  firstToken?: string;
  /** Turns that go to one session before its lane begins the next one; lanes of a closed loop are its connections. */
  turnsPerSession?: number;
  load:
    | { kind: 'closed'; concurrency: number; ms: number }
    | { kind: 'count'; concurrency: number; requests: number }
    | { kind: 'open'; rate: number; ms: number; lanes: number }
    | { kind: 'hold'; streams: number };
}

export interface Outcome {
  requests: number;
  failures: number;
  /** The first failure's answer, for whoever has to find out. */
  failure?: string;
  elapsedMs: number;
  /** Milliseconds from sending until the answer was whole; one for each request. */
  latencies: number[];
  /** Milliseconds from sending until the first token. */
  firstTokens: number[];
  /** Server-sent events received. */
  events: number;
  /** Body bytes received. */
  bytes: number;
  /** CPU of the generator itself. */
  cpuMicros: number;
  /** The longest that an open loop sent a request after its time. */
  latestMs: number;
}

/** `opened` is told when all streams of a `hold` have had their first token. */
export type Message = { opened: true } | { outcome: Outcome };
