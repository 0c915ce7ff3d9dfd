import type { Finish } from '../../../core/delta.ts';
import { completionId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import type { Turn } from '../../../core/turn.ts';
import { dollars, type NanoDollars, type Usage } from '../../../core/usage.ts';
import { attemptsView } from '../attempts.ts';

/** The model as it can be asked for again: `provider/model`. */
export function modelName(turn: Pick<Turn, 'provider' | 'servedModel' | 'model'>): string {
  return turn.provider ? `${turn.provider}/${turn.servedModel}` : (turn.model ?? '');
}

/** A turn as a chat completion (OpenAI API description, `CreateChatCompletionResponse`). */
export function completion(turn: Turn): Record<string, unknown> {
  const choices = [turn.output, ...(turn.alternates ?? [])];
  // Envelope fields of a provider that speaks this dialect (`system_fingerprint`, `citations`…) pass through.
  const passed = turn.protocol === 'openai-chat' ? turn.extra : undefined;
  return {
    ...passed,
    id: completionId(turn.id),
    object: 'chat.completion',
    created: Math.floor(turn.createdAt / 1000),
    model: modelName(turn),
    choices: choices.map((items, index) => ({
      ...choiceFields(passed, index),
      index,
      message: messageOf(items, index === 0 ? nativesOf(turn) : undefined),
      logprobs: logprobsOf(items),
      finish_reason: finishReason(turn.finish[index]),
    })),
    usage: turn.usage && usageOf(turn.usage, turn.cost),
    ...(turn.listed && { metadata: turn.metadata }),
    ...(turn.attempts && { clawhold: { attempts: attemptsView(turn.attempts) } }),
  };
}

/** What a provider of this dialect said of a choice beside the standard fields. */
function choiceFields(passed: Turn['extra'], index: number): Record<string, unknown> | undefined {
  const choices = passed?.choices as { index: number }[] | undefined;
  return choices?.find((choice) => choice.index === index);
}

const nativesOf = (turn: Turn) => (turn.protocol === 'openai-chat' ? turn.outputNatives : undefined);

/** One assistant message from the items of a choice. */
export function messageOf(
  items: readonly Item[],
  natives?: Record<number, unknown>,
): Record<string, unknown> {
  const message: Record<string, unknown> = { role: 'assistant', content: null, refusal: null };
  const calls: unknown[] = [];
  items.forEach((item, index) => {
    const native = natives?.[index] as Record<string, unknown> | undefined;
    const call = toolCall(item);
    if (call) calls.push({ ...native, ...call });
    else addItem(message, item);
    if (item.type === 'message') Object.assign(message, native);
  });
  if (calls.length > 0) message.tool_calls = calls;
  return message;
}

function addItem(message: Record<string, unknown>, item: Item): void {
  switch (item.type) {
    case 'message':
      for (const part of item.content) {
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
      return;
    case 'reasoning': {
      const text = (item.content?.length ? item.content : item.summary).map((part) => part.text).join('\n');
      if (text !== '') message.reasoning_content = ((message.reasoning_content as string) ?? '') + text;
      return;
    }
  }
}

/** Chat completions hold a citation's fields one level deeper than responses do. */
export function nested(annotation: unknown): unknown {
  const { type, ...citation } = annotation as { type?: unknown };
  return type === 'url_citation' && !('url_citation' in citation)
    ? { type, url_citation: citation }
    : annotation;
}

/** A call as chat completions show it; hosted tools have no place there. */
export function toolCall(item: Item): { id: unknown; type: string; [kind: string]: unknown } | undefined {
  if (item.type === 'function_call') {
    return { id: item.call_id, type: 'function', function: { name: item.name, arguments: item.arguments } };
  }
  const custom = item as unknown as Record<string, unknown>;
  if (custom.type !== 'custom_tool_call') return undefined;
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

/** Nothing is known of a choice that broke off; as JSON, a gap in a list is `null`. */
export function finishReason(finish: Finish | null | undefined): string {
  return !finish || finish.unified === 'unknown' ? 'stop' : finish.unified;
}

/** `cost` (US dollars) is ours; it is left out where the model's price is not known. */
export function usageOf(usage: Usage, cost: NanoDollars | undefined): Record<string, unknown> {
  return {
    prompt_tokens: usage.input,
    completion_tokens: usage.output,
    total_tokens: usage.input + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cacheRead, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
    ...(cost !== undefined && { cost: dollars(cost) }),
  };
}
