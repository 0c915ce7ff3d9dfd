import { conversationId, responseId } from '../core/ids.ts';
import type { Turn } from '../core/turn.ts';
import { dollars } from '../core/usage.ts';
import type { Ask } from '../turn/ask.ts';
import { Cancelled, type LiveTurn } from '../turn/live-turn.ts';
import type { Receipt } from '../turn/receipt.ts';
import type { Once } from '../turn/repeats.ts';
import { toFault } from '../turn/settle.ts';

/** What the headers of a reply tell of its turn, as far as it is known. */
export function turnHeaders({ made: live, replayed }: Once<LiveTurn>): Record<string, string> {
  const headers: Record<string, string> = live.receipt ? receiptHeaders(live.receipt) : {};
  if (live.shown) headers['x-clawhold-response-id'] = responseId(live.asked.id);
  if (live.session) headers['x-clawhold-session-id'] = conversationId(live.session.id);
  if (replayed) headers['x-clawhold-replayed'] = 'true';
  return headers;
}

function receiptHeaders({ candidate, retries, history, context }: Receipt): Record<string, string> {
  const name = `${candidate.provider}/${candidate.model}`;
  const headers: Record<string, string> = { 'x-clawhold-model-id': visible(name) };
  if (history) headers['x-clawhold-history'] = history;
  if (retries > 0) headers['x-clawhold-attempted-retries'] = String(retries);
  if (context && (context.keptTurns > 0 || context.droppedTokens > 0)) {
    headers['x-clawhold-context'] =
      `tokens=${context.tokens}; turns=${context.keptTurns}; dropped=${context.droppedTokens}`;
  }
  return headers;
}

/** A model may have any name; a header may not. */
const visible = (name: string): string =>
  name.toWellFormed().replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character));

/**
 * A turn that nobody keeps, and one whose caller wants it so, stops when the last of its clients leaves, also
 * before there is anything to send.
 */
export function stopWithClient(live: LiveTurn, gone: AbortSignal, { keep, policy }: Ask): void {
  if (keep && policy.onDisconnect === 'run_on') return;
  live.clients++;
  const leave = () => {
    if (--live.clients === 0) live.stop(new Cancelled('The client left.'));
  };
  if (gone.aborted) leave();
  else gone.addEventListener('abort', leave);
  // A socket outlives its turns.
  const forget = () => gone.removeEventListener('abort', leave);
  live.ended.then(forget, forget);
}

/** Answers with a whole turn. */
export async function replyWhole(
  once: Once<LiveTurn>,
  render: (turn: Turn) => Record<string, unknown>,
): Promise<Response> {
  const turn = await once.made.ended;
  const headers = turnHeaders(once);
  if (turn.cost !== undefined) headers['x-clawhold-response-cost'] = String(dollars(turn.cost));
  try {
    return Response.json(render(turn), { headers });
  } catch (error) {
    // What was said stays said: the same request would be told the same again.
    if (once.made.keep && turn.output.length > 0) headers['x-should-retry'] = 'false';
    throw toFault(error).with(headers);
  }
}

/**
 * Settles when there is something to answer with: the turn has begun, waits for a claw (it is `queued` then),
 * or was cancelled before its first delta. Any failure before that is thrown.
 */
export async function begun(live: LiveTurn): Promise<void> {
  try {
    await live.begun;
  } catch (error) {
    if (!(error instanceof Cancelled)) throw toFault(error);
  }
}

/** The same for an answer that has headers: a failure is told with them, too. */
export async function begunOnce(once: Once<LiveTurn>): Promise<void> {
  try {
    await begun(once.made);
  } catch (error) {
    throw toFault(error).with(turnHeaders(once));
  }
}

/** Seconds after which to ask again for a turn that waits. */
const ASK_AGAIN = 5;

/** Answers for a turn that has been taken and not been answered; it can be fetched at `location`. */
export function replyAccepted(
  once: Once<LiveTurn>,
  location: string,
  body: Record<string, unknown>,
): Response {
  const headers = { ...turnHeaders(once), location, 'retry-after': String(ASK_AGAIN) };
  return Response.json(body, { status: 202, headers });
}

/** Answers a write that is not a turn, and says so where an earlier request did it. */
export function replyOnce(replayed: boolean, body: Record<string, unknown>): Response {
  return Response.json(body, replayed ? { headers: { 'x-clawhold-replayed': 'true' } } : undefined);
}
