import { generatedImageAt } from '../../core/generated-images.ts';
import { isObject } from '../../core/json.ts';
import { imageDeltas } from '../image-deltas.ts';
import type { AnswerState, ChoiceState } from './answer.ts';
import { closeReasoning } from './reasoning.ts';
import { textOf } from './wire.ts';

/**
 * Reads generated images, which OpenRouter and LiteLLM put into `images` of a message or a delta. Each entry is
 * a whole image: `{type: 'image_url', image_url: {url}}`
 * (https://openrouter.ai/docs/features/multimodal/image-generation,
 * https://docs.litellm.ai/docs/completion/image_generation_chat). The last chunk may repeat earlier images.
 */
export function readImages(state: AnswerState, choice: ChoiceState, images: unknown): void {
  if (!Array.isArray(images)) return;
  for (const image of images) {
    const url = urlOf(image);
    if (url === undefined || choice.images?.has(url)) continue;
    choice.images ??= new Set();
    choice.images.add(url);
    if (choice.reasoning) closeReasoning(state, choice);
    state.out.push(...imageDeltas(state.nextIndex++, generatedImageAt(url), choice));
  }
}

function urlOf(image: unknown): string | undefined {
  if (!isObject(image)) return undefined;
  const { image_url } = image;
  return textOf(isObject(image_url) ? image_url.url : image_url);
}
