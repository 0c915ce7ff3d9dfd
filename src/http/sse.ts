import type { Delta } from '../core/delta.ts';
import { Fault } from '../core/errors.ts';
import type { Turn } from '../core/turn.ts';
import type { LiveTurn } from '../turn/live-turn.ts';
import type { Once } from '../turn/repeats.ts';
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
  /**
   * The turn could not be recorded here: an error, and nothing that looks like an end. It has no number of
   * its own, because a reader that comes back must get what the turn has in its place.
   */
  fail(fault: Fault): string;
}

/** The last event of a turn that its caller has seen already: only of one that it asked for before. */
export const seenBefore = ({ replayed }: Once<LiveTurn>, headers: Headers): number =>
  replayed ? lastEventId(headers) : -1;

/** The last event that a reader has, from what it sent with its request; -1 where it has none. */
function lastEventId(headers: Headers): number {
  const id = headers.get('last-event-id');
  return id === null ? -1 : eventNumber(id, 'last-event-id');
}

/** As `lastEventId`, for a request that resumes a stream: the header is of later than the URL. */
export function startingAfter(query: URLSearchParams, headers: Headers): number {
  const after = query.get('starting_after');
  return headers.has('last-event-id') || after === null
    ? lastEventId(headers)
    : eventNumber(after, 'starting_after');
}

function eventNumber(text: string, param: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Fault('invalid_request', `\`${param}\`: expected the number of an event.`, { param });
}

/** Proxies close connections that are silent for long; a comment keeps them open. */
const KEEP_ALIVE_MS = 15_000;

/**
 * Streams a turn to one reader, from its first delta. The reader's going changes nothing here. One that `joins` a
 * turn that others began is answered at once, though there may be nothing for it to read yet.
 */
export function streamTurn(
  live: LiveTurn,
  writer: StreamWriter,
  headers: Record<string, string>,
  joins = false,
): Response {
  let gone = false;
  let silent = true;
  let keepAlive: ReturnType<typeof setInterval> | undefined;
  const body = new ReadableStream({
    type: 'direct',
    async pull(controller: ReadableStreamDirectController) {
      keepAlive = setInterval(() => {
        controller.write(': keep-alive\n\n');
        controller.flush();
      }, KEEP_ALIVE_MS);
      const send = (text: string) => {
        if (text === '') return;
        silent = false;
        controller.write(text);
      };
      try {
        send(writer.open());
        for (let seen = 0, more = true; more && !gone; more = await live.more(seen)) {
          let text = '';
          while (seen < live.log.length) text += writer.delta(live.log[seen++]!);
          send(text);
          // Headers go out with the first byte.
          if (joins && silent && live.state !== 'ended') send(': nothing yet\n\n');
          await controller.flush();
        }
        if (!gone) send(await ending(live, writer));
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
