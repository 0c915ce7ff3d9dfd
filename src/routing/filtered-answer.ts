import type { Delta } from '../core/delta.ts';
import { Fault } from '../core/errors.ts';
import type { Prompt } from '../core/prompt.ts';

/**
 * The bursts of an answer up to its first output, as one; empty where there are none. Throws `content_filtered` where
 * a content filter ended the answer before any output: some providers report a refused request as an answer (Azure,
 * Anthropic, Gemini). With several choices, and in the middle of a message, the provider's end mark is kept.
 */
export async function unfilteredBeginning(
  bursts: AsyncIterator<readonly Delta[]>,
  prompt: Prompt,
): Promise<readonly Delta[]> {
  const beginning: Delta[] = [];
  const isKept = (prompt.settings.n ?? 1) > 1 || prompt.continues === true;
  for (let next = await bursts.next(); !next.done; next = await bursts.next()) {
    beginning.push(...next.value);
    for (const delta of next.value) {
      if (isKept || isOutput(delta)) return beginning;
      if (delta.type === 'finish' && delta.reason.unified === 'content_filter') {
        await bursts.return?.();
        throw filtered(delta.reason.raw);
      }
    }
  }
  return beginning;
}

function isOutput(delta: Delta): boolean {
  switch (delta.type) {
    case 'text-delta':
    case 'refusal-delta':
      return delta.text !== '';
    case 'item-start':
      return delta.item.type === 'message' ? delta.item.content.length > 0 : delta.item.type !== 'reasoning';
    default:
      return false;
  }
}

const filtered = (raw: string | null): Fault =>
  new Fault('content_filtered', 'The content filter of the provider stopped the answer before any output.', {
    raw: { finish_reason: raw },
    reported: raw === null ? undefined : { code: raw },
  });
