import type { Claw } from '../../../../src/claws/claw.ts';
import { LOCAL_CAPABILITIES } from '../../../../src/claws/local/recall.ts';
import { fileSchema } from '../../../../src/config/schema.ts';
import { type Candidate, candidateKey } from '../../../../src/core/candidate.ts';
import type { Delta } from '../../../../src/core/delta.ts';
import type { ErrorCode } from '../../../../src/core/error-catalogue.ts';
import { Fault } from '../../../../src/core/errors.ts';
import type { GatewayEvent } from '../../../../src/core/events.ts';
import { newSessionId, newTurnId } from '../../../../src/core/ids.ts';
import type { Prompt } from '../../../../src/core/prompt.ts';
import type { Tenant } from '../../../../src/core/request.ts';
import { timeLimits } from '../../../../src/routing/attempts.ts';
import type { BulkheadSettings } from '../../../../src/routing/bulkhead.ts';
import { chain } from '../../../../src/routing/call-chain.ts';
import { gate } from '../../../../src/routing/gate.ts';
import { MemoryHealth } from '../../../../src/routing/health.ts';
import { retries } from '../../../../src/routing/retries.ts';
import { type Called, type CallRequest, callFirst } from '../../../../src/turn/answer/call.ts';
import { dispatchTo } from '../../../../src/turn/answer/dispatch.ts';
import { candidate, say } from '../rescued.ts';

/** Calls of claws through the whole chain; counts what they leave behind. */

export const START: Delta = { type: 'start', model: 'm' };

/** What a claw does in one call. */
export type Behaviour = (signal: AbortSignal) => AsyncGenerator<readonly Delta[]>;

export const fails = (code: ErrorCode, retryAfter?: number): Behaviour =>
  async function* () {
    yield await Promise.reject(new Fault(code, 'It failed.', { retryAfter }));
  };

export const answers: Behaviour = async function* () {
  yield [START, say.message(0), say.text(0, 'word')];
  yield [say.end(0), say.finish];
};

export const silent: Behaviour = async function* (signal) {
  yield await untilAborted(signal);
};

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

/** Waits as a real claw waits: an abort ends it. */
export const after = (ms: number, behaviour: Behaviour): Behaviour =>
  async function* (signal) {
    let timer: Timer | undefined;
    const passed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    try {
      await Promise.race([passed, untilAborted(signal)]);
    } finally {
      clearTimeout(timer);
    }
    yield* behaviour(signal);
  };

export interface Scene {
  /** By provider, in the order of the route; one entry for each call, and the last one for all further calls. */
  behaviour: Record<string, Behaviour | Behaviour[]>;
  /** The providers of the chains; all others are the candidates. */
  tooLong?: string[];
  refused?: string[];
  lastResort?: string;
  /** Providers whose models the conversation does not fit. */
  tooSmall?: string[];
  request?: Partial<Omit<CallRequest, 'route' | 'prompt'>>;
  route?: Partial<CallRequest['route']>;
  bulkhead?: Partial<BulkheadSettings>;
}

const session = newSessionId(0);
const trace = { id: newTurnId(session, 0), tenant: 'acme' as Tenant, key: 'root', session };
const LIMITS = {
  firstTokenMs: 60_000,
  signOfLifeMs: 60_000,
  probeMs: 60_000,
  idleMs: 60_000,
  totalMs: 60_000,
};

export function sceneOf({
  behaviour,
  tooLong = [],
  refused = [],
  lastResort,
  tooSmall = [],
  ...given
}: Scene) {
  const called: string[] = [];
  const signals: Record<string, AbortSignal> = {};
  const events: GatewayEvent[] = [];
  const emit = (event: GatewayEvent) => void events.push(event);
  let open = 0;
  async function* counted(inner: AsyncGenerator<readonly Delta[]>) {
    open++;
    try {
      yield* inner;
    } finally {
      open--;
    }
  }
  const claw = ({ provider }: Candidate): Claw => ({
    ...{ provider, protocol: 'openai-chat', capabilities: LOCAL_CAPABILITIES, prefills: () => false },
    call(_, signal) {
      const all = [behaviour[provider]!].flat();
      const turn = called.filter((name) => name === provider).length;
      called.push(provider);
      signals[provider] = signal;
      return counted(all[Math.min(turn, all.length - 1)]!(signal));
    },
  });
  const { breaker, bulkhead, retries: settings } = fileSchema.parse({});
  const now = () => performance.now();
  const bounds = { ...bulkhead, ...given.bulkhead };
  const health = new MemoryHealth({ breaker: () => breaker, bulkhead: () => bounds, now, emit });
  const interceptors = [
    retries({ health, settings: () => settings, emit }),
    gate({ health, breaker: () => breaker, now, emit: () => {} }),
    timeLimits(() => LIMITS),
  ];
  const chained = [...tooLong, ...refused, ...(lastResort ? [lastResort] : [])];
  const candidates = Object.keys(behaviour).filter((name) => !chained.includes(name));
  const request: CallRequest = {
    ...{ count: { calls: 0, failed: [] }, endsAt: Infinity, signal: new AbortController().signal },
    ...{ trace, key: 'root' },
    ...given.request,
    route: {
      ...{ candidates: candidates.map(candidate), limits: [] },
      ...{ tooLong: tooLong.map(candidate), refused: refused.map(candidate) },
      lastResort: lastResort === undefined ? undefined : candidate(lastResort),
      ...given.route,
    },
    prompt: ({ provider }) => {
      if (tooSmall.includes(provider))
        throw new Fault('context_length_exceeded', `${provider} is too small.`);
      return { stream: true, items: [], settings: {} } as Partial<Prompt> as Prompt;
    },
  };
  const dispatch = chain(interceptors, dispatchTo(claw, emit));
  return {
    answer: () => callFirst(request, dispatch, emit),
    ...{ called, signals, events, health, request },
    /** What still runs: iterators of claws, calls that have a slot, and measured calls. */
    left: () => {
      const inFlight = Object.keys(behaviour).map((name) => health.of(candidate(name)).inFlight);
      return [open, health.calls, ...inFlight].reduce((sum, count) => sum + count, 0);
    },
    /** `provider code: next` of each failure. */
    failures: () =>
      events.flatMap((event) =>
        event.type === 'call-failed' ? [`${candidateKey(event.candidate)} ${event.code}: ${event.next}`] : [],
      ),
  };
}

/** Reads the whole answer. */
export async function read({ rest }: Pick<Called, 'rest'>): Promise<void> {
  while (!(await rest.next()).done);
}

export const failureOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => undefined,
    (reason: unknown) => reason,
  );
