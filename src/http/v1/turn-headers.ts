import { conversationId, responseId } from '../../core/ids.ts';
import type { ContextReceipt, Receipt } from '../../core/receipt.ts';
import type { Once } from '../../core/request.ts';
import { isFetchable } from '../../core/turn.ts';
import type { TurnView } from '../../core/turn-view.ts';
import type { Dialect } from '../dialect.ts';
import { quotaHeaders } from '../envelope.ts';
import type { ReplyHeaders } from './reply-headers.ts';

/** The headers that say what was done for a turn, once for all dialects. */

/** What is known of a turn, for the headers of a reply. */
export function turnHeaders(
  { result: view, replayed, quota }: Once<TurnView>,
  dialect: Dialect,
): ReplyHeaders {
  const headers: ReplyHeaders = view.receipt ? receiptHeaders(view.receipt) : {};
  if (isFetchable(view.retention)) headers['x-clawhold-response-id'] = responseId(view.asked.id);
  else headers['x-clawhold-kept'] = view.retention === 'session' ? 'session' : 'none';
  if (view.session) headers['x-clawhold-session-id'] = conversationId(view.session.id);
  if (replayed) headers['x-clawhold-replayed'] = 'true';
  return quota ? Object.assign(headers, (dialect.quotaHeaders ?? quotaHeaders)(quota)) : headers;
}

function receiptHeaders(receipt: Receipt): ReplyHeaders {
  const { candidate, retries, history, context, route, isDegraded } = receipt;
  const { droppedTools, droppedReasoning, droppedSettings } = receipt;
  const name = `${candidate.provider}/${candidate.model}`;
  const headers: ReplyHeaders = { 'x-clawhold-model-id': visible(name) };
  if (history) headers['x-clawhold-history'] = history;
  if (droppedTools?.length) headers['x-clawhold-dropped-tools'] = visible(droppedTools.join(', '));
  if (droppedReasoning) headers['x-clawhold-dropped-reasoning'] = visible(named(droppedReasoning));
  if (droppedSettings) headers['x-clawhold-dropped-settings'] = visible(named(droppedSettings));
  if (isDegraded) headers['x-clawhold-degraded'] = 'true';
  if (route?.alias !== undefined || (route && route.reason !== 'asked')) {
    headers['x-clawhold-route'] = routeText(route);
  }
  if (retries > 0) headers['x-clawhold-attempted-retries'] = String(retries);
  if (context && (context.keptTurns > 0 || context.droppedTokens > 0)) {
    headers['x-clawhold-context'] =
      `tokens=${context.tokens}; turns=${context.keptTurns}; dropped=${context.droppedTokens}${recalled(context)}`;
  }
  return headers;
}

/** Parts of turns that are left out, by kind. */
function recalled({ pinned, retrieved }: ContextReceipt): string {
  const counts = [
    pinned ? `; pinned=${pinned.length}` : '',
    retrieved ? `; retrieved=${retrieved.length}` : '',
  ];
  return counts.join('');
}

function routeText({ alias, strategy, reason }: NonNullable<Receipt['route']>): string {
  const name = alias === undefined ? '' : `alias=${visible(alias)}; `;
  return `${name}strategy=${strategy}; reason=${reason}`;
}

/** An agent may send back hundreds of items, and the headers of a reply must stay small. */
const MOST_NAMED = 20;
const LONGEST_NAME = 64;

function named(ids: readonly string[]): string {
  const more = ids.length - MOST_NAMED;
  const names = ids.slice(0, MOST_NAMED).map((id) => String(id).slice(0, LONGEST_NAME));
  return [...names, ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

/** A model's name may have any character, the value of a header only visible ones. */
export const visible = (name: string): string =>
  name.toWellFormed().replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character));
