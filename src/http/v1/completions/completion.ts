import { textCompletionId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { AnsweredTurn, Asked } from '../../../core/turn.ts';
import { finishReason, usageOf } from '../chat/completion.ts';
import { answeredModel, attemptsView } from '../fields.ts';
import type { Echo } from './parse.ts';

/** A turn as a text completion (OpenAI API description, `CreateCompletionResponse`). */
export function textCompletion(turn: AnsweredTurn): Record<string, unknown> {
  const choices = [turn.output, ...(turn.alternates ?? [])];
  const { prompt = '' } = echoOf(turn);
  return {
    id: textCompletionId(turn.id),
    object: 'text_completion',
    created: Math.floor(turn.createdAt / 1000),
    model: answeredModel(turn),
    choices: choices.map((items, index) => ({
      text: prompt + textOf(items),
      index,
      logprobs: logprobsOf(tokensOf(items), 0),
      finish_reason: textFinish(turn.finish[index]),
    })),
    usage: turn.usage && usageOf(turn.usage, turn),
    ...(turn.attempts && { clawhold: { attempts: attemptsView(turn.attempts) } }),
  };
}

export const echoOf = ({ echo }: Pick<Asked, 'echo'>): Echo => (echo ?? {}) as Echo;

/** A text completion has no calls: what remains of one is that the text has ended. */
export function textFinish(finish: Parameters<typeof finishReason>[0]): string {
  const reason = finishReason(finish);
  return reason === 'tool_calls' ? 'stop' : reason;
}

/** The text of an answer; a refusal is text here, too. */
function textOf(items: readonly Item[]): string {
  const parts = items.flatMap((item) => (item.type === 'message' ? item.content : []));
  return parts
    .map((part) => {
      if (part.type === 'output_text') return part.text;
      return part.type === 'refusal' ? part.refusal : '';
    })
    .join('');
}

const tokensOf = (items: readonly Item[]): unknown[] =>
  items.flatMap((item) =>
    item.type === 'message'
      ? item.content.flatMap((part) => (part.type === 'output_text' ? (part.logprobs ?? []) : []))
      : [],
  );

/** Log probabilities in the form of this API; `offset` is where the first token begins in the text. */
export function logprobsOf(tokens: readonly unknown[], offset: number): Record<string, unknown> | null {
  if (tokens.length === 0) return null;
  const lists = { tokens: [] as string[], token_logprobs: [] as unknown[] };
  const top_logprobs: Record<string, unknown>[] = [];
  const text_offset: number[] = [];
  let at = offset;
  for (const entry of tokens) {
    if (!isObject(entry)) continue;
    const token = String(entry.token ?? '');
    lists.tokens.push(token);
    lists.token_logprobs.push(entry.logprob ?? null);
    top_logprobs.push(alternativesOf(entry.top_logprobs));
    text_offset.push(at);
    at += token.length;
  }
  return { ...lists, top_logprobs, text_offset };
}

function alternativesOf(alternatives: unknown): Record<string, unknown> {
  if (!Array.isArray(alternatives)) return {};
  return Object.fromEntries(
    alternatives.filter(isObject).map(({ token, logprob }) => [String(token), logprob]),
  );
}
