import { z } from 'zod';

/** The schemas that have a name in the OpenAPI document. */
export const PUBLISHED = z.registry<{ id: string }>();

/** Gives a schema its name in the OpenAPI document, where other schemas then refer to it. */
export function published<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  PUBLISHED.add(schema, { id });
  return schema;
}

/** What the reference and the OpenAPI document say about a route, in addition to its method and path. */
export interface RouteDoc {
  /** What the route does, as one sentence. */
  what: string;
  /**
   * `asked`: a request for a turn; the headers about sessions and policies have an effect. `fetched`: the reply
   * is a turn and has the headers of a turn.
   */
  turn?: 'asked' | 'fetched';
  /** The route is about one value of a conversation: replies have its version. `write`: the request may state one. */
  value?: 'read' | 'write';
  /** The schema that checks the body. */
  body?: z.ZodType;
  /** The query's parameters. */
  query?: z.ZodObject;
  replies: readonly Reply[];
  /** The schema of failures; that of OpenAI's envelope where absent. */
  failure?: z.ZodType;
}

/** One form that a reply has. */
export interface Reply {
  status: number;
  /** `events`: server-sent events; the data of each event fits the schema. */
  form: 'json' | 'events' | 'text';
  schema?: z.ZodType;
}

export const json = (schema: z.ZodType, status = 200): Reply => ({ status, form: 'json', schema });
export const events = (schema: z.ZodType): Reply => ({ status: 200, form: 'events', schema });
