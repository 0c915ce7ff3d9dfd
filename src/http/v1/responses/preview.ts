import { z } from 'zod';
import type { ContextPreview as Preview } from '../../../api/turns.ts';
import { published } from '../../published.ts';
import { Context, contextView } from './receipt.ts';
import { OutputItem } from './schemas.ts';

/** What a request would send to a model. */

const excerpt = z.strictObject({ id: z.string().describe('The item that it is from.'), text: z.string() });

export const ContextPreview = published(
  'ContextPreview',
  z.strictObject({
    object: z.literal('context.preview'),
    model: z.string().nullable().describe('The first candidate, as `provider/model`.'),
    context: Context,
    instructions: z.string().nullable(),
    pinned: z.array(excerpt).describe('Standing instructions and preferences of turns that are left out.'),
    retrieved: z
      .array(excerpt.extend({ score: z.number() }))
      .describe('Excerpts of turns that are left out, best first.'),
    items: z.array(OutputItem).describe('All items of the prompt, in order, without encrypted content.'),
  }),
);

export function previewView(preview: Preview, instructions: string | undefined) {
  const { candidate, receipt, pinned, retrieved, items } = preview;
  return {
    object: 'context.preview',
    model: candidate ? `${candidate.provider}/${candidate.model}` : null,
    context: contextView(receipt),
    instructions: instructions ?? null,
    pinned,
    retrieved,
    items,
  };
}
