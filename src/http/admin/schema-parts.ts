import { z } from 'zod';

/** What the forms of the management API's replies have in common. */

/** One page of a list. */
export const page = <Entry extends z.ZodType>(entry: Entry) =>
  z.strictObject({
    object: z.literal('list'),
    data: z.array(entry),
    next_cursor: z
      .string()
      .nullable()
      .describe('`cursor` of the next page; a page may be short and yet have one.'),
  });

export const time = z.string().describe('RFC 3339, UTC.');
export const usd = z.number().describe('US dollars.');
/** A text that may be absent. */
export const text = (what: string) => z.string().nullable().describe(what);
