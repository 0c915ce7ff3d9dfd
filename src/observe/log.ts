import { pino } from 'pino';
import { dollars } from '../core/usage.ts';
import type { RequestRecord } from '../events/request-events.ts';
import type { TurnEnded } from '../events/turn-events.ts';

/** Structured logs: one JSON object per line on standard output. They hold no content and no secrets. */
export interface Log {
  request(record: RequestRecord): void;
  turn(event: TurnEnded): void;
  info(message: string, fields?: Record<string, unknown>): void;
  error(message: string, cause: unknown): void;
  flush(): void;
}

export function openLog(level: 'debug' | 'info' | 'warn' | 'error' | 'silent'): Log {
  // Lines are gathered for a moment and written together: a log line must not cost a request a system call.
  const destination = pino.destination({ sync: false, minLength: 4096 });
  const timer = setInterval(() => destination.flush(), 250);
  timer.unref();
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, destination);
  return {
    request({ requestId, method, path, status, durationMs, key, fault }) {
      const fields = {
        requestId,
        method,
        path,
        status,
        durationMs: Math.round(durationMs * 10) / 10,
        key,
        code: fault?.code,
      };
      if (status >= 500) log.error({ ...fields, cause: causeOf(fault) }, 'request failed');
      else log.info(fields, 'request');
    },
    turn({ intent, outcome, failure }) {
      log.info(
        {
          turn: intent.id,
          tenant: intent.tenant,
          model: intent.model,
          provider: outcome?.provider,
          state: outcome?.state ?? 'lost',
          code: outcome?.error?.code,
          inputTokens: outcome?.usage?.input,
          outputTokens: outcome?.usage?.output,
          cost: outcome?.cost === undefined ? undefined : dollars(outcome.cost),
          durationMs: outcome ? outcome.completedAt - intent.createdAt : undefined,
          cause: outcome && !outcome.error ? undefined : causeOf(failure),
        },
        'turn ended',
      );
    },
    info: (message, fields) => log.info(fields ?? {}, message),
    error: (message, cause) => log.error({ cause: causeOf(cause) }, message),
    flush: () => destination.flushSync(),
  };
}

/** Only errors that nobody foresaw are told with their stack; a provider's words may hold content. */
function causeOf(error: unknown): string | undefined {
  const { cause } = (error ?? {}) as { cause?: unknown };
  const inner = cause ?? error;
  if (!(inner instanceof Error)) return undefined;
  return inner.name === 'Fault' ? (inner as { code?: string }).code : (inner.stack ?? inner.message);
}
