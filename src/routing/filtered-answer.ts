import type { Delta } from '../core/delta.ts';
import { Fault } from '../core/errors.ts';
import type { Part } from '../core/items.ts';
import type { Prompt } from '../core/prompt.ts';

/**
 * The bursts of an answer up to its first output, as one; empty where there are none. Throws `content_filtered` where
 * the model refuses the content, or a content filter ended the answer, before any other output: some providers report
 * a refused request as an answer (Azure, Anthropic, Gemini). With several choices, and in the middle of a message, the provider's end mark is kept.
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
      if (isRefusal(delta)) {
        await bursts.return?.();
        throw filtered(delta.type === 'finish' ? delta.reason.raw : null);
      }
    }
  }
  return beginning;
}

function isOutput(delta: Delta): boolean {
  switch (delta.type) {
    case 'text-delta':
      return delta.text !== '';
    case 'item-start':
      if (delta.item.type === 'message') return delta.item.content.some((part) => !isRefusalPart(part));
      return delta.item.type !== 'reasoning';
    default:
      return false;
  }
}

function isRefusal(delta: Delta): boolean {
  switch (delta.type) {
    case 'finish':
      return delta.reason.unified === 'content_filter';
    case 'refusal-delta':
      return delta.text !== '';
    case 'item-start':
      return delta.item.type === 'message' && delta.item.content.some(isRefusalPart);
    default:
      return false;
  }
}

const isRefusalPart = ({ type }: Part): boolean => type === 'refusal';

const filtered = (raw: string | null): Fault =>
  new Fault('content_filtered', 'The model or the content filter of its provider refused the content.', {
    raw: { finish_reason: raw },
    reported: raw === null ? undefined : { code: raw },
  });
