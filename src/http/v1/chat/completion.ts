import type { Finish } from '../../../core/delta.ts';
import { generatedImageUrl } from '../../../core/generated-images.ts';
import { completionId } from '../../../core/ids.ts';
import type { Item, Message } from '../../../core/items.ts';
import type { Outcome } from '../../../core/outcome.ts';
import type { Seal } from '../../../core/seal.ts';
import { isHalfCall, isServerRun } from '../../../core/tool-calls.ts';
import type { AnsweredTurn } from '../../../core/turn.ts';
import { dollars, type Usage } from '../../../core/usage.ts';
import { answeredModel, answeredTier, attemptsView, cacheCreation, passedOn } from '../fields.ts';
import { AnswerReasoning, addFields } from './reasoning.ts';

/** A turn as a chat completion (OpenAI API description, `CreateChatCompletionResponse`). */
export function completion(turn: AnsweredTurn, seal: Seal): Record<string, unknown> {
  const choices = [turn.output, ...(turn.alternates ?? [])];
  // Envelope fields of a provider that speaks this dialect (`system_fingerprint`, `citations`…) pass through.
  const passed = passedOn(turn, 'openai-chat');
  const natives = turn.answeredBy?.protocol === 'openai-chat' ? turn.outputNatives : undefined;
  return {
    ...tierOf(turn),
    ...passed,
    id: completionId(turn.id),
    object: 'chat.completion',
    created: Math.floor(turn.createdAt / 1000),
    model: answeredModel(turn),
    choices: choices.map((items, index) => {
      const fields = choiceFields(passed, index);
      return {
        ...fields,
        index,
        message: {
          ...fields?.message,
          ...messageOf(items, {
            natives: index === 0 ? natives : undefined,
            isCut: !turn.finish[index],
            reasoning: items.some(isReasoning) ? new AnswerReasoning(turn, index, seal) : undefined,
          }),
        },
        logprobs: logprobsOf(items),
        finish_reason: finishReason(turn.finish[index]),
      };
    }),
    usage: turn.usage && usageOf(turn.usage, turn),
    ...(turn.retention === 'listed' && { metadata: turn.metadata }),
    ...(turn.attempts && { clawhold: { attempts: attemptsView(turn.attempts) } }),
  };
}

export type Fields = Record<string, unknown>;

/** The tier of an answer whose other fields do not pass through. */
function tierOf(turn: AnsweredTurn): Fields | undefined {
  const tier = answeredTier(turn);
  return tier === undefined ? undefined : { service_tier: tier };
}

/** The fields beside the standard ones that a provider of this dialect gave a choice and its message. */
export function choiceFields(
  passed: Fields | undefined,
  index: number,
): (Fields & { message?: Fields }) | undefined {
  const choices = passed?.choices as { index: number; message?: Fields }[] | undefined;
  return choices?.find((choice) => choice.index === index);
}

/** The fields that pass through in a stream, which has its own of these. */
export function streamedFields(turn: AnsweredTurn): Fields {
  const { id, object, created, model, choices, usage, clawhold, ...fields } = {
    ...tierOf(turn),
    ...passedOn(turn, 'openai-chat'),
  } as Fields;
  return fields;
}

const isReasoning = ({ type }: Item): boolean => type === 'reasoning';

/** What a message shows beside its items. */
interface MessageFacts {
  natives?: Record<number, unknown>;
  /** The answer broke off. A message cannot mark a call as cut, so a call that was cut is left out. */
  isCut?: boolean;
  /** Absent where no item is reasoning. */
  reasoning?: AnswerReasoning;
}

/** One assistant message from the items of a choice. */
export function messageOf(
  items: readonly Item[],
  { natives, isCut, reasoning }: MessageFacts,
): Record<string, unknown> {
  const message: Record<string, unknown> = { role: 'assistant', content: null, refusal: null };
  const calls: unknown[] = [];
  items.forEach((item, index) => {
    const native = natives?.[index] as Record<string, unknown> | undefined;
    if (isCut && isHalfCall(item)) return;
    if (reasoning) for (const fields of reasoning.fieldsOf(item, index)) addFields(message, fields);
    const call = toolCall(item);
    if (call) calls.push({ ...native, ...call });
    else if (item.type === 'message') addMessage(message, item);
    else addImage(message, item);
    if (item.type === 'message') Object.assign(message, native);
  });
  if (reasoning) for (const fields of reasoning.end()) addFields(message, fields);
  if (calls.length > 0) message.tool_calls = calls;
  return message;
}

function addMessage(message: Record<string, unknown>, { content }: Message): void {
  for (const part of content) {
    if (part.type === 'output_text') {
      message.content = ((message.content as string | null) ?? '') + part.text;
      if (part.annotations.length > 0)
        message.annotations = [
          ...((message.annotations as unknown[]) ?? []),
          ...part.annotations.map(nested),
        ];
    } else if (part.type === 'refusal') {
      message.refusal = ((message.refusal as string | null) ?? '') + part.refusal;
    }
  }
}

function addImage(message: Record<string, unknown>, item: Item): void {
  const url = generatedImageUrl(item);
  if (url === undefined) return;
  const images = (message.images as unknown[] | undefined) ?? [];
  message.images = [...images, imagePart(url, images.length)];
}

/**
 * An image in the form of OpenRouter and LiteLLM, because OpenAI's chat completions have no form for images of
 * models.
 */
export const imagePart = (url: string, index: number): object => ({
  index,
  type: 'image_url',
  image_url: { url },
});

/** Chat completions hold a citation's fields one level deeper than responses do. */
export function nested(annotation: unknown): unknown {
  const { type, ...citation } = (annotation ?? {}) as { type?: unknown };
  return type === 'url_citation' && !('url_citation' in citation)
    ? { type, url_citation: citation }
    : annotation;
}

/** A call as chat completions show it; `undefined` for other items and for calls of hosted tools. */
export function toolCall(item: Item): { id: unknown; type: string; [kind: string]: unknown } | undefined {
  if (item.type === 'function_call') {
    return { id: item.call_id, type: 'function', function: { name: item.name, arguments: item.arguments } };
  }
  const custom = item as unknown as Record<string, unknown>;
  if (custom.type !== 'custom_tool_call' || isServerRun(item)) return undefined;
  return { id: custom.call_id, type: 'custom', custom: { name: custom.name, input: custom.input ?? '' } };
}

function logprobsOf(items: readonly Item[]): { content: unknown[]; refusal: null } | null {
  const content = items.flatMap((item) =>
    item.type === 'message'
      ? item.content.flatMap((part) => (part.type === 'output_text' ? (part.logprobs ?? []) : []))
      : [],
  );
  return content.length > 0 ? { content, refusal: null } : null;
}

/** A choice that broke off has no finish; in a list that was stored as JSON, it is `null`. */
export function finishReason(finish: Finish | null | undefined): string {
  return !finish || finish.unified === 'unknown' ? 'stop' : finish.unified;
}

/** `cost` (US dollars) is ours; it is left out where the model's price is not known. */
export function usageOf(
  usage: Usage,
  { cost, costEstimated }: Pick<Outcome, 'cost' | 'costEstimated'>,
): Record<string, unknown> {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: {
      cached_tokens: usage.cacheRead,
      cache_write_tokens: usage.cacheWrite,
      audio_tokens: usage.audioInput ?? 0,
    },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: usage.audioOutput ?? 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
    ...cacheCreation(usage),
    ...(cost !== undefined && { cost: dollars(cost) }),
    ...(costEstimated && { cost_estimated: costEstimated }),
  };
}
