import { argumentsOf } from '../../../core/call-arguments.ts';
import { generatedImageUrl } from '../../../core/generated-images.ts';
import type { FunctionCall, Item, Part, Reasoning } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Tenant } from '../../../core/request.ts';
import { type Seal, thoughtOf } from '../../../core/seal.ts';
import { isHalfCall, isServerRun } from '../../../core/tool-calls.ts';
import type { AnsweredTurn } from '../../../core/turn.ts';

/** Items as steps (ai.google.dev/api/interactions-api, "Step"). */

export type Fields = Record<string, unknown>;
export type Step = Fields & { type: string };

/** What the thoughts of an answer are sealed with. */
export interface Answering {
  by: AnsweredTurn['answeredBy'] | { provider: string; protocol: string };
  tenant: Tenant;
  seal: Seal;
}

/** The steps of an answer: one for each item, and none for what this API has no form for. */
export function outputSteps(
  { output, outputNatives }: Pick<AnsweredTurn, 'output' | 'outputNatives'>,
  answering: Answering,
): Step[] {
  return output.flatMap((item, index) => {
    if (item.type !== 'reasoning') return plainSteps(item);
    const signature = signatureOf(item, outputNatives?.[index], answering);
    const { summary = [] } = thoughtStep(item);
    return [{ ...(signature && { signature }), ...(summary.length > 0 && { summary }), type: 'thought' }];
  });
}

/** The steps of what a caller sent. */
export const inputSteps = (items: readonly Item[]): Step[] =>
  items.flatMap((item): Step[] =>
    item.type === 'reasoning' ? [{ ...thoughtStep(item) }] : plainSteps(item),
  );

function plainSteps(item: Item): Step[] {
  switch (item.type) {
    case 'message': {
      const content = item.content.flatMap(contentOf);
      return [{ content, type: item.role === 'assistant' ? 'model_output' : 'user_input' }];
    }
    case 'function_call':
      return isShownCall(item) ? [{ ...callStep(item), arguments: JSON.parse(argumentsOf(item)) }] : [];
    case 'function_call_output': {
      const { call_id, output } = item;
      return [
        {
          call_id,
          result: typeof output === 'string' ? output : output.flatMap(contentOf),
          type: 'function_result',
        },
      ];
    }
    default: {
      const image = imageContent(generatedImageUrl(item));
      return image ? [{ content: [image], type: 'model_output' }] : [];
    }
  }
}

export const callStep = ({ call_id, name }: FunctionCall): Step => ({
  id: call_id,
  name,
  type: 'function_call',
});

/** Calls for the client. A call that was cut is left out: the client would run it. */
export const isShownCall = (call: FunctionCall): boolean => !isServerRun(call) && !isHalfCall(call);

interface ThoughtStep {
  type: 'thought';
  summary?: { text: string; type: 'text' }[];
}

function thoughtStep({ content, summary }: Reasoning): ThoughtStep {
  const texts = (content?.length ? content : summary).map(({ text }) => ({ text, type: 'text' as const }));
  return texts.length > 0 ? { summary: texts, type: 'thought' } : { type: 'thought' };
}

/** The signature of a thought is its seal: this API has no other place for what its provider needs again. */
export function signatureOf(
  item: Reasoning,
  native: unknown,
  { by, tenant, seal }: Answering,
): string | undefined {
  return by && item.status !== 'incomplete' ? seal(thoughtOf(item, native, by), tenant) : undefined;
}

function contentOf(part: Part): Step[] {
  switch (part.type) {
    case 'input_text':
      return [{ text: part.text, type: 'text' }];
    case 'output_text': {
      const annotations = part.annotations.flatMap(annotationOf);
      return [{ text: part.text, ...(annotations.length > 0 && { annotations }), type: 'text' }];
    }
    // A refusal is a text here, as Google's models write theirs.
    case 'refusal':
      return [{ text: part.refusal, type: 'text' }];
    case 'input_image': {
      const image = imageContent(part.image_url ?? undefined);
      return image ? [image] : [];
    }
    case 'input_audio': {
      const { data, format } = part.input_audio;
      return [{ data, mime_type: `audio/${format}`, type: 'audio' }];
    }
    case 'input_file':
      return fileContent(part.file_data ?? part.file_url ?? undefined);
    default:
      return [part as Step];
  }
}

const DATA_URL = /^data:([^;,]+)(?:;[^,]*)?,/;

function mediaOf(url: string): Fields {
  const mime_type = DATA_URL.exec(url)?.[1];
  return mime_type === undefined ? { uri: url } : { data: url.slice(url.indexOf(',') + 1), mime_type };
}

export const imageContent = (url: string | undefined): Step | undefined =>
  url === undefined ? undefined : { ...mediaOf(url), type: 'image' };

function fileContent(url: string | undefined): Step[] {
  if (url === undefined) return [];
  const media = mediaOf(url);
  const isVideo = typeof media.mime_type === 'string' && media.mime_type.startsWith('video/');
  return [{ ...media, type: isVideo ? 'video' : 'document' }];
}

/** A citation of a page; Google's API has this type with the same fields. */
export function annotationOf(annotation: unknown): Fields[] {
  return isObject(annotation) && typeof annotation.type === 'string' ? [annotation] : [];
}
