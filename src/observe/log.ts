import { pino } from 'pino';
import { dollars } from '../core/usage.ts';
import type { RequestRecord } from '../events/request-events.ts';
import type { TurnEnded } from '../events/turn-events.ts';

/**
 * Structured logs: one JSON object per line on standard output. They hold no content and no secrets. At
 * `info` there is a line for each turn and for each request that failed; at `debug` for every request.
 */
export interface Log {
  request(record: RequestRecord): void;
  turn(event: TurnEnded): void;
  flush(): void;
}

/** Bytes. */
const WRITE_AT = 64 * 1024;
const FLUSH_EVERY_MS = 200;

export function openLog(level: 'debug' | 'info' | 'warn' | 'error' | 'silent'): Log {
  const sink = Bun.stdout.writer({ highWaterMark: WRITE_AT });
  // Lines are gathered for a moment and written together: a line must not cost a request a system call.
  const timer = setInterval(() => sink.flush(), FLUSH_EVERY_MS);
  timer.unref();
  const log = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line) => sink.write(line) },
  );
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
      else if (status >= 400) log.info(fields, 'request refused');
      else log.debug(fields, 'request');
    },
    turn({ intent, requestId, outcome, failure }) {
      // A turn whose outcome could not be recorded is the one thing that must not go unnoticed.
      log[outcome ? 'info' : 'error'](
        {
          requestId,
          turn: intent.id,
          tenant: intent.tenant,
          model: intent.model,
          provider: outcome?.provider,
          state: outcome?.state ?? 'lost',
          code: outcome?.error?.code,
          attempts: outcome?.attempts?.map(({ provider, model, error }) => ({ provider, model, error })),
          inputTokens: outcome?.usage?.input,
          outputTokens: outcome?.usage?.output,
          cost: outcome?.cost === undefined ? undefined : dollars(outcome.cost),
          durationMs: outcome ? outcome.completedAt - intent.createdAt : undefined,
          cause: outcome && !outcome.error ? undefined : causeOf(failure),
        },
        'turn ended',
      );
    },
    flush: () => sink.flush(),
  };
}

/** Only errors that nobody foresaw are told with their stack; a provider's words may hold content. */
function causeOf(error: unknown): string | undefined {
  const { cause } = (error ?? {}) as { cause?: unknown };
  const inner = cause ?? error;
  if (!(inner instanceof Error)) return undefined;
  return inner.name === 'Fault' ? (inner as { code?: string }).code : (inner.stack ?? inner.message);
}
