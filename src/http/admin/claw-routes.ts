import { z } from 'zod';
import type { Admin } from '../../api/admin/admin.ts';
import { json, published, type RouteDoc } from '../published.ts';
import type { Handler, Route, SettingsSource } from '../route.ts';
import { validate } from '../v1/fields.ts';
import { readBody } from '../v1/request.ts';
import { listOf } from './fields.ts';
import { ClawList, ClawTest, ModelInfoList } from './gateway-schemas.ts';
import { clawView, modelView, testView } from './views.ts';

const PATH = '/admin/v1/claws';

/** Claws and models. */
export function clawRoutes({ claws }: Admin, settings: SettingsSource): Route[] {
  const access = 'root';
  return [
    { method: 'GET', path: PATH, access, doc: LIST, handle: list(claws) },
    { method: 'POST', path: `${PATH}/:name/test`, access, doc: TEST, handle: test(claws, settings) },
    { method: 'GET', path: '/admin/v1/models', access, doc: MODELS, handle: models(claws) },
  ];
}

const testSchema = published(
  'AdminClawTestRequest',
  z.strictObject({
    model: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe('The model to ask; the cheapest known one where absent.'),
  }),
);

const LIST: RouteDoc = {
  what: 'Lists the claws with their health, limits, errors, and the latency of the last 24 hours.',
  replies: [json(ClawList)],
};
const TEST: RouteDoc = {
  what: 'Asks a model of a claw for a few tokens, which costs next to nothing, and says how it went.',
  body: testSchema,
  replies: [json(ClawTest)],
};
const MODELS: RouteDoc = {
  what: 'Lists the models that can be called, with their limits and prices.',
  replies: [json(ModelInfoList)],
};

type Claws = Admin['claws'];

const list =
  (claws: Claws): Handler =>
  async () =>
    Response.json(listOf({ entries: await claws.list() }, clawView));

const models =
  (claws: Claws): Handler =>
  () =>
    Response.json(listOf({ entries: claws.models() }, modelView));

function test(claws: Claws, settings: SettingsSource): Handler {
  return async ({ request, params, caller }) => {
    const isEmpty = request.headers.get('content-length') === '0' || request.body === null;
    const { body } = isEmpty ? { body: {} } : await readBody(request, settings());
    const { model } = validate(testSchema, body);
    return Response.json(testView(await claws.test(caller, params.name!, model, request.signal)));
  };
}
