import type { Delta } from '../core/delta.ts';
import type { Fault } from '../core/errors.ts';
import type { Turn } from '../core/turn.ts';
import type { LiveTurn } from '../turn/live-turn.ts';
import { toFault } from '../turn/settle.ts';

/**
 * Writes a turn in a dialect's stream. Each call returns the text of the events that it causes, which
 * may be none. The same deltas always give the same text, so that a replay is the same to the byte.
 */
export interface StreamWriter {
  /** Before any delta. */
  open(): string;
  delta(delta: Delta): string;
  /** The turn is recorded: the terminal events. */
  end(turn: Turn): string;
  /** The turn could not be recorded: an error, and nothing that looks like an end. */
  fail(fault: Fault): string;
}

/** Proxies close connections that are silent for long; a comment keeps them open. */
const KEEP_ALIVE_MS = 15_000;

/** Streams a live turn to one reader, from its first delta. The reader's going changes nothing here. */
export function streamTurn(live: LiveTurn, writer: StreamWriter, headers: Record<string, string>): Response {
  let gone = false;
  let keepAlive: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream({
    type: 'direct',
    async pull(controller: ReadableStreamDirectController) {
      keepAlive = setInterval(() => {
        controller.write(': keep-alive\n\n');
        controller.flush();
      }, KEEP_ALIVE_MS);
      try {
        controller.write(writer.open());
        for (let seen = 0, more = true; more && !gone; more = await live.more(seen)) {
          let text = '';
          while (seen < live.log.length) text += writer.delta(live.log[seen++]!);
          if (text !== '') controller.write(text);
          await controller.flush();
        }
        if (!gone) controller.write(await ending(live, writer));
      } finally {
        clearInterval(keepAlive);
        controller.close();
      }
    },
    cancel() {
      gone = true;
      clearInterval(keepAlive);
    },
  } as Bun.DirectUnderlyingSource);
  return new Response(body, {
    headers: {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    },
  });
}

function ending(live: LiveTurn, writer: StreamWriter): Promise<string> {
  return live.ended.then(
    (turn) => writer.end(turn),
    (error) => writer.fail(toFault(error)),
  );
}
