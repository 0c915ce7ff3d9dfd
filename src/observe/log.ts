import type { Candidate } from '../core/candidate.ts';
import type { ErrorCode } from '../core/error-catalogue.ts';
import { Fault } from '../core/errors.ts';
import type { Emit, GatewayEvent, TurnTrace } from '../core/events.ts';
import type { Intent, PlacedIntent } from '../core/turn.ts';
import { dollars } from '../core/usage.ts';
import { type LogLevel, LogLines } from './log-lines.ts';

/**
 * Logs on standard output: one JSON object per line, or a line for people where the output is a terminal. They
 * hold no content and no secrets. At `info` there is a line for each request with a key, for each turn, and for each
 * call that failed; at `debug` for every event but measurements. The lines of a turn have its session, the name of its
 * key, and its trace.
 */
export interface Log {
  listen: Emit;
  /** Lines below this level are left out from now on. */
  setLevel(level: LogLevel): void;
  /** Writes the lines that were gathered. */
  flush(): void;
}

/** Characters. */
const WRITE_AT = 64 * 1024;
const FLUSH_EVERY_MS = 200;

/** `copy` gets every line that is written, too. */
export async function openLog(level: LogLevel, copy?: (line: string) => void): Promise<Log> {
  const sink = Bun.stdout.writer();
  // Lines are gathered for a moment and written together, so that most requests cost no system call for the log. The
  // sink itself would write after each request.
  let gathered = '';
  const flush = () => {
    const lines = gathered;
    gathered = '';
    if (lines !== '') attempt(() => sink.write(lines));
    attempt(() => sink.flush());
  };
  const timer = setInterval(flush, FLUSH_EVERY_MS);
  timer.unref();
  const shown = process.stdout.isTTY ? await linesForPeople() : (line: string) => line;
  const log = new LogLines(level, (line) => {
    const text = shown(line);
    if (gathered.length + text.length > WRITE_AT) flush();
    gathered += text;
    copy?.(line);
  });
  return {
    listen(event) {
      // Most events are told at `debug` only, or never: nothing is made for a line that is left out.
      if (DEBUG_ONLY.has(event.type) && !log.isEnabled('debug')) return;
      (WRITERS[event.type as ToldType] as Writer<ToldType> | undefined)?.(log, event as EventOf<ToldType>);
    },
    setLevel: (next) => log.setLevel(next),
    flush,
  };
}

/** A log line is lost if the output fails (a closed terminal, a full disk); the gateway keeps running. */
function attempt(work: () => unknown): void {
  try {
    const done = work();
    if (done instanceof Promise) done.catch(() => {});
  } catch {}
}

/** Loaded only for a terminal. Colours follow `NO_COLOR` and `TERM`. */
async function linesForPeople(): Promise<(line: string) => string> {
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({ singleLine: true, translateTime: 'SYS:HH:MM:ss', ignore: 'tenant' });
  // JSON escapes the control characters below 32. Some terminals also obey those from 127 to 159.
  return (line) => pretty(line.replace(/[\u007f-\u009f]/g, '\ufffd'));
}

type EventType = GatewayEvent['type'];
type EventOf<Type extends EventType> = Extract<GatewayEvent, { type: Type }>;
type Writer<Type extends EventType> = (log: LogLines, event: EventOf<Type>) => void;

const DEBUG_ONLY: ReadonlySet<EventType> = new Set<EventType>([
  'turn-started',
  'call-started',
  'turn-deferred',
  'context-truncated',
  'context-exceeded',
  'turn-refused',
  'answer-rescued',
  'session-created',
  'session-deleted',
]);

/** Measurements, of which there are too many for a log. */
type MeasurementType = 'call-ended' | 'past-updated' | 'event-loop-sampled' | 'store-operation';
type ToldType = Exclude<EventType, MeasurementType>;

/** Codes of calls that were not made, or were not needed. */
const QUIET: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['claw_unavailable', 'hedge_lost']);

/** What is logged of each event. */
const WRITERS: { [Type in ToldType]: Writer<Type> } = {
  'request-ended'(log, { requestId, method, path, status, durationMs, key, fault, isOpen, trace }) {
    const fields = {
      requestId,
      method,
      path,
      status,
      durationMs: tenths(durationMs),
      key,
      code: fault?.code,
      traceId: trace?.traceId,
    };
    if (status >= 500) log.error({ ...fields, cause: causeOf(fault) }, 'request failed');
    else if (status >= 400) log.info(fields, 'request refused');
    else if (isOpen) log.debug(fields, 'request');
    else log.info(fields, 'request');
  },
  'turn-started'(log, { intent, startedBy }) {
    log.debug({ ...turnFields(intent), startedBy }, 'turn started');
  },
  'turn-ended'(log, { intent, outcome, failure, timeline }) {
    const { answeredBy, attempts, usage, cost, costEstimated } = outcome;
    const { requestId, key, model, trace } = askedIn(intent);
    // One object, because this line is on the path of every turn.
    log.info(
      {
        requestId,
        turn: intent.id,
        session: intent.session,
        tenant: intent.tenant,
        key,
        traceId: trace?.traceId,
        model,
        provider: answeredBy?.provider,
        answeredModel: answeredBy && (answeredBy.calledModel ?? answeredBy.model),
        instance: answeredBy?.instance,
        state: outcome.state,
        code: outcome.error?.code,
        attempts: attempts?.map(({ provider, model, error }) => ({ provider, model, error })),
        inputTokens: usage?.input,
        outputTokens: usage?.output,
        cost: cost === undefined ? undefined : dollars(cost),
        costEstimated,
        durationMs: outcome.completedAt - intent.createdAt,
        firstTokenMs: timeline?.firstDeltaAt && tenths(timeline.firstDeltaAt - timeline.startedAt),
        providerMs: timeline && tenths(timeline.providerMs),
        ownMs: timeline && tenths(timeline.ownMs),
        failedCalls: outcome.error?.attempts?.map(
          ({ model, code, ms }) => `${model}: ${code} after ${ms} ms`,
        ),
        cause: outcome.error && causeOf(failure),
      },
      'turn ended',
    );
  },
  'turn-lost'(log, { intent, failure }) {
    log.error({ ...turnFields(intent), state: 'lost', cause: causeOf(failure) }, 'turn ended');
  },
  'turn-refused'(log, { intent, failure }) {
    log.debug({ ...turnFields(intent), code: (failure as { code?: string }).code }, 'turn refused');
  },
  'answer-rescued'(log, { trace, candidate, code }) {
    log.debug({ ...traceFields(trace), ...clawFields(candidate), code }, 'answer rescued');
  },
  'session-created'(log, { tenant }) {
    log.debug({ tenant }, 'session created');
  },
  'session-deleted'(log, { tenant }) {
    log.debug({ tenant }, 'session deleted');
  },
  'call-started'(log, { trace, candidate, attempt }) {
    log.debug({ ...traceFields(trace), ...clawFields(candidate), attempt }, 'call started');
  },
  'call-failed'(log, { trace, candidate, attempt, code, next }) {
    const fields = { ...traceFields(trace), ...clawFields(candidate), attempt, code, next };
    // A model that is not called for a while has its own line: `calls stopped`.
    if (QUIET.has(code)) log.debug(fields, 'call failed');
    else log.info(fields, 'call failed');
  },
  'call-hedged'(log, { trace, candidate, afterMs }) {
    log.info({ ...traceFields(trace), ...clawFields(candidate), afterMs }, 'call hedged');
  },
  'turn-deferred'(log, { trace, code, pauseMs }) {
    log.debug({ ...traceFields(trace), code, pauseMs }, 'turn deferred');
  },
  'embeddings-ended'(log, { requestId, tenant, key, model, inputs, ms, candidate, tokens, cost, failure }) {
    log.info(
      {
        ...{ requestId, tenant, key, model, inputs, inputTokens: tokens },
        ...(candidate && clawFields(candidate)),
        model,
        answeredModel: candidate?.model,
        cost: cost === undefined ? undefined : dollars(cost),
        durationMs: Math.round(ms),
        code: failure instanceof Fault ? failure.code : undefined,
        cause: failure === undefined ? undefined : causeOf(failure),
      },
      'embeddings ended',
    );
  },
  'recall-embedding-failed'(log, { candidate, during, code }) {
    const fields = { ...clawFields(candidate), during, code };
    if (during === 'query') log.debug(fields, 'recall without embeddings');
    else log.info(fields, 'recall without embeddings');
  },
  'recall-model-missing'(log, { model, code, message }) {
    log.warn(
      { model, code, problem: message },
      'recall without embeddings: context.embeddings cannot be called',
    );
  },
  'lease-lost'(log, { trace }) {
    log.warn(traceFields(trace), 'lease lost');
  },
  'context-truncated'(log, { trace, candidate, keptTurns, droppedTokens }) {
    log.debug(
      { ...traceFields(trace), ...clawFields(candidate), keptTurns, droppedTokens },
      'context truncated',
    );
  },
  'context-exceeded'(log, { trace, candidate }) {
    log.debug({ ...traceFields(trace), ...clawFields(candidate) }, 'context exceeded');
  },
  'breaker-changed'(log, { candidate, ...change }) {
    const claw = clawFields(candidate);
    if (change.state === 'open') {
      const { reason, forMs } = change;
      log.warn({ ...claw, reason, forMs }, 'calls stopped');
    } else log.info(claw, change.state === 'closed' ? 'calls resumed' : 'calls probe the provider');
  },
  'journal-damaged'(log, { file, lines, cut, lost }) {
    log.error({ file, lines, cut, lost }, 'journal damaged');
  },
  'configuration-read'(log, { result }) {
    if (result.state === 'rejected') log.error({ problems: result.problems }, 'configuration rejected');
    else if (result.changed.length + result.restart.length === 0) log.debug({}, 'configuration unchanged');
    else log.info({ changed: result.changed, restart: result.restart }, 'configuration changed');
  },
  'worker-ended'(log, { worker, process, reason, how }) {
    log.error({ worker, process, reason, how }, 'worker ended');
  },
  'overload-changed'(log, { level, delayMs }) {
    // A line has a `level` of its own.
    const fields = { overload: level, delayMs: Math.round(delayMs) };
    if (level === 'calm') log.info(fields, 'overload ended');
    else log.warn(fields, 'gateway overloaded');
  },
  'alert-changed'(log, { alert, state, value, above }) {
    if (state === 'firing') log.warn({ alert, value, above }, 'alert fires');
    else log.info({ alert, value, above }, 'alert resolved');
  },
  'alert-untold'(log, { alert, target }) {
    log.error({ alert, target }, 'alert not delivered');
  },
  'store-failed'(log, { during, failure }) {
    log.error({ during, cause: causeOf(failure) }, 'store failed');
  },
};

/** A turn of appended items has no model, no key and no request id. */
const askedIn = (intent: Intent): Partial<PlacedIntent> =>
  intent.kind === 'append' ? {} : (intent as PlacedIntent);

function turnFields(intent: Intent) {
  const { requestId, key, model, trace } = askedIn(intent);
  const { id, session, tenant } = intent;
  return { ...traceFields({ id, session, tenant, requestId, key, trace }), model };
}

const traceFields = ({ requestId, id: turn, session, tenant, key, trace }: Partial<TurnTrace>) => ({
  requestId,
  turn,
  session,
  tenant,
  key,
  traceId: trace?.traceId,
});

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

const clawFields = ({ provider, model, instance }: Candidate) => ({ provider, model, instance });

/** Only unforeseen errors are logged with their stack; a provider's words may hold content. */
function causeOf(error: unknown): string | undefined {
  const { cause } = (error ?? {}) as { cause?: unknown };
  const inner = cause ?? error;
  if (!(inner instanceof Error)) return undefined;
  return inner.name === 'Fault' ? (inner as { code?: string }).code : (inner.stack ?? inner.message);
}
