import { z } from 'zod';
import { events, json, published, type RouteDoc } from '../../published.ts';
import { interactionRequest } from './parse.ts';

/** The forms of replies, and what the reference says of the routes. */

const step = z.looseObject({ type: z.string() });
const status = z
  .enum(['queued', 'in_progress', 'requires_action', 'completed', 'incomplete', 'failed', 'cancelled'])
  .describe('`requires_action`: the answer calls functions, and waits for their results.');

export const Interaction = published(
  'Interaction',
  z.looseObject({
    id: z.string().optional().describe('Absent for an interaction that is not stored.'),
    object: z.literal('interaction'),
    status,
    model: z.string(),
    created: z.string(),
    updated: z.string(),
    steps: z.array(step).optional(),
    errors: z.array(z.looseObject({ code: z.string(), message: z.string() })).optional(),
  }),
);

const InteractionEvent = published(
  'InteractionEvent',
  z.looseObject({
    event_type: z.enum([
      'interaction.created',
      'interaction.status_update',
      'interaction.completed',
      'step.start',
      'step.delta',
      'step.stop',
      'error',
    ]),
    event_id: z.string().optional().describe('Names the event to `last_event_id`.'),
  }),
);

const answered = [json(Interaction), events(InteractionEvent)];

export const retrieveQuery = z.object({
  stream: z
    .string()
    .optional()
    .describe('`true`: the events of the interaction, also long after it has ended.'),
  last_event_id: z.string().optional().describe('The `event_id` of the last event that the reader has.'),
  starting_after: z.string().optional().describe('The same as `last_event_id`.'),
  include_input: z.string().optional().describe('`true`: the steps begin with those of the input.'),
});

export const CREATE: RouteDoc = {
  what: "Asks a model for an answer, in Google's Interactions API.",
  turn: 'asked',
  body: interactionRequest,
  replies: [...answered, json(Interaction, 202)],
};
export const RETRIEVE: RouteDoc = {
  what: 'Fetches an interaction, running or ended.',
  turn: 'fetched',
  query: retrieveQuery,
  replies: answered,
};
export const CANCEL: RouteDoc = {
  what: 'Stops a running interaction.',
  turn: 'fetched',
  replies: [json(Interaction)],
};
export const REMOVE: RouteDoc = {
  what: 'Deletes an interaction that has ended.',
  replies: [json(published('InteractionDeleted', z.strictObject({})))],
};
