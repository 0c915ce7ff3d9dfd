import { z } from 'zod';
import type { Api } from '../../../api/api.ts';
import type { PinView } from '../../../api/pins.ts';
import { responseId } from '../../../core/ids.ts';
import { json, published, type RouteDoc } from '../../published.ts';
import type { Exchange, Handler, Route } from '../../route.ts';
import { page } from '../pages.ts';
import { deletedReply, listOf, seconds } from '../replies.ts';
import { sessionRef } from '../request.ts';

const PATH = '/v1/conversations/:id/pins';

type Parts = Pick<Api, 'conversations' | 'pins'>;

/** The pins of conversations. OpenAI's API has none; the routes follow its conventions. */
export function pinRoutes(parts: Parts): Route[] {
  const access = 'key';
  return [
    { method: 'GET', path: PATH, access, doc: LIST, handle: list(parts) },
    { method: 'DELETE', path: `${PATH}/:pin`, access, doc: REMOVE, handle: remove(parts) },
  ];
}

const Pin = published(
  'ConversationPin',
  z.strictObject({
    id: z.string(),
    object: z.literal('conversation.pin'),
    kind: z.enum(['instruction', 'preference', 'fact']),
    text: z.string().describe('The sentence as the user said it.'),
    response_id: z.string().describe('The turn in which it was last said.'),
    item_id: z.string().describe('The item of that turn.'),
    said_at: seconds,
  }),
);

const LIST: RouteDoc = {
  what: 'Lists the standing instructions and preferences that the user stated and that are in force, oldest first.',
  replies: [json(published('ConversationPinList', listOf(Pin)))],
};
const REMOVE: RouteDoc = {
  what: 'Removes a pin from all prompts to come. What the user said stays in the conversation.',
  replies: [json(deletedReply('ConversationPinDeleted', 'conversation.pin.deleted'))],
};

const PREFIX = 'pin_';

function view({ id, kind, text, turn, item, saidAt }: PinView) {
  return {
    id: `${PREFIX}${id}`,
    object: 'conversation.pin',
    kind,
    text,
    response_id: responseId(turn),
    item_id: item,
    said_at: Math.floor(saidAt / 1000),
  };
}

const find = ({ conversations }: Parts, { params, caller }: Exchange) =>
  conversations.get(caller, sessionRef(params.id, 'conversation_id'));

function list(parts: Parts): Handler {
  return async (exchange) => {
    const session = await find(parts, exchange);
    return Response.json(page((await parts.pins.list(session)).map(view), false));
  };
}

function remove(parts: Parts): Handler {
  return async (exchange) => {
    const id = exchange.params.pin!;
    const session = await find(parts, exchange);
    await parts.pins.remove(exchange.caller, session, id.startsWith(PREFIX) ? id.slice(PREFIX.length) : id);
    return Response.json({ id, object: 'conversation.pin.deleted', deleted: true });
  };
}
