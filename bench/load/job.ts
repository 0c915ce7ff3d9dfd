/** The messages between the benchmark and the load generator's process. They are sent as JSON. */

export interface Job {
  port: number;
  path: string;
  headers: Record<string, string>;
  /** `{session}` in the body and in the headers is replaced by the number of the session. */
  body: string;
  /** A text in the answer's first token, used to time it. */
  firstToken?: string;
  /**
   * How many turns a lane sends to one session before it begins the next one. In a closed loop, each connection is
   * a lane.
   */
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
  /** The answer of the first failure, for debugging. */
  failure?: string;
  elapsedMs: number;
  /** Milliseconds from sending a request to the end of its answer, one per request. */
  latencies: number[];
  /** Milliseconds from sending a request to the first token. */
  firstTokens: number[];
  /** Server-sent events received. */
  events: number;
  /** Body bytes received. */
  bytes: number;
  /** CPU microseconds of the generator itself. */
  cpuMicros: number;
  /** Open loop: the largest delay of a request after its planned time, in milliseconds. */
  latestMs: number;
}

/** `opened` is sent when all streams of a `hold` job have had their first token. */
export type Message = { opened: true } | { outcome: Outcome };
