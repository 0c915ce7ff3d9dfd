import type { Delta } from '../core/delta.ts';
import { Fault } from '../core/errors.ts';
import type { Prompt } from '../core/prompt.ts';
import { reportedOf } from './status.ts';

/**
 * Checks the bursts of an answer, and returns each unchanged. Throws `content_filtered` where a content filter ended
 * the answer before any output: that is a refused request, although some providers report it as an answer (Azure,
 * Anthropic, Gemini). With several choices, and in the middle of a message, the provider's end mark is kept.
 */
export function unlessFiltered(prompt: Prompt): (burst: readonly Delta[]) => readonly Delta[] {
  let hasOutput = (prompt.settings.n ?? 1) > 1 || prompt.continues === true;
  return (burst) => {
    for (const delta of burst) {
      if (hasOutput) break;
      if (delta.type === 'finish' && delta.reason.unified === 'content_filter')
        throw filtered(delta.reason.raw);
      hasOutput = isOutput(delta);
    }
    return burst;
  };
}

const isOutput = (delta: Delta): boolean => {
  switch (delta.type) {
    case 'text-delta':
    case 'refusal-delta':
      return delta.text !== '';
    case 'item-start':
      return delta.item.type === 'message' ? delta.item.content.length > 0 : delta.item.type !== 'reasoning';
    default:
      return false;
  }
};

function filtered(raw: string | null): Fault {
  const message = 'The content filter of the provider stopped the answer before any output.';
  return new Fault('content_filtered', message, {
    raw: { finish_reason: raw },
    reported: reportedOf({ code: raw, type: undefined, param: undefined }),
  });
}
