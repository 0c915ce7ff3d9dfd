import { z } from 'zod';
import type { Api } from '../../api/api.ts';
import { conversationId, responseId } from '../../core/ids.ts';
import { json, published, type RouteDoc } from '../published.ts';
import type { Route, SettingsSource } from '../route.ts';
import { validate } from '../v1/fields.ts';
import { readBody } from '../v1/request.ts';
import { responses, TARGET } from '../v1/responses/dialect.ts';
import { InputItem } from '../v1/responses/schemas.ts';
import { askOf } from '../v1/turn-routes.ts';
import { queryOf, tenantOf, tenantSchema } from './fields.ts';
import { Asked } from './session-schemas.ts';

const askSchema = published(
  'AdminAsk',
  z.strictObject({
    model: z.string().min(1).max(512).describe('As any caller names it.'),
    input: z.union([z.string().min(1), z.array(InputItem)]).describe('A text of the user, or items.'),
    instructions: z.string().optional().describe('For this turn alone.'),
    session: z
      .string()
      .min(1)
      .max(255)
      .describe('The session that the turn belongs to, by its id or name; a new name makes a session.'),
  }),
);

const ASK: RouteDoc = {
  what: 'Asks a model in a session of any tenant, as a caller of the tenant would. Replies when the turn has begun; its events tell the answer.',
  query: tenantSchema,
  body: askSchema,
  replies: [json(Asked)],
};

/** The turn goes on without the page that asked for it. */
const ON_DISCONNECT = { 'x-clawhold-on-disconnect': 'run_on' };

/** A turn that an operator asks for: what the playground of the dashboard uses. */
export function askRoute({ turns }: Pick<Api, 'turns'>, settings: SettingsSource): Route {
  return {
    method: 'POST',
    path: '/admin/v1/turns',
    access: 'root',
    doc: ASK,
    async handle(exchange) {
      const { query, request } = exchange;
      const tenant = tenantOf(exchange, queryOf(tenantSchema, query).tenant);
      const { ruleHeaders, ...limits } = settings();
      const { body } = await readBody(request, limits);
      const { session, ...asked } = validate(askSchema, body);
      const caller = { ...exchange.caller, tenant };
      const headers = new Headers({ 'x-clawhold-session-id': session, ...ON_DISCONNECT });
      const context = { headers, target: TARGET, caller, ruleHeaders, mayHaveMarks: false };
      const ask = askOf(responses, { ...asked, stream: true }, context);
      const { result } = await turns.create({ ask, caller, gone: new AbortController().signal });
      return Response.json({
        object: 'turn.asked',
        id: responseId(result.asked.id),
        session: conversationId(result.asked.session),
      });
    },
  };
}
