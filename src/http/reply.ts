import { conversationId, responseId } from '../core/ids.ts';
import type { Turn } from '../core/turn.ts';
import { dollars } from '../core/usage.ts';
import { candidateName } from '../routing/candidate.ts';
import { Cancelled, type LiveTurn } from '../turn/live-turn.ts';
import type { Receipt } from '../turn/receipt.ts';
import { toFault } from '../turn/settle.ts';

/** What the headers of a reply tell of its turn. */
export function receiptHeaders(live: LiveTurn, receipt: Receipt): Record<string, string> {
  const { candidate, retries, history, context } = receipt;
  const headers: Record<string, string> = { 'x-clawhold-model-id': visible(candidateName(candidate)) };
  if (live.keep) headers['x-clawhold-response-id'] = responseId(live.intent.id);
  if (live.session) headers['x-clawhold-session-id'] = conversationId(live.session.id);
  if (history) headers['x-clawhold-history'] = history;
  if (retries > 0) headers['x-clawhold-attempted-retries'] = String(retries);
  if (context.keptTurns > 0 || context.droppedTokens > 0) {
    headers['x-clawhold-context'] =
      `tokens=${context.tokens}; turns=${context.keptTurns}; dropped=${context.droppedTokens}`;
  }
  return headers;
}

/** A model may have any name; a header may not. */
const visible = (name: string): string =>
  name.toWellFormed().replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character));

/** A turn that nobody keeps stops when its client leaves, also before there is anything to send. */
export function stopWithClient(live: LiveTurn, request: Request): void {
  if (live.keep) return;
  const stop = () => live.stop(new Cancelled('The client left.'));
  if (request.signal.aborted) stop();
  else request.signal.addEventListener('abort', stop);
}

/** Answers with a whole turn. */
export async function replyWhole(
  live: LiveTurn,
  render: (turn: Turn) => Record<string, unknown>,
): Promise<Response> {
  const receipt = await begun(live);
  const turn = await live.ended;
  const headers = receipt ? receiptHeaders(live, receipt) : {};
  if (turn.cost !== undefined) headers['x-clawhold-response-cost'] = String(dollars(turn.cost));
  return Response.json(render(turn), { headers });
}

/** The receipt, or nothing where the turn was cancelled before its first delta; any failure is thrown. */
export async function begun(live: LiveTurn): Promise<Receipt | undefined> {
  try {
    return await live.begun;
  } catch (error) {
    if (error instanceof Cancelled) return undefined;
    throw toFault(error);
  }
}
