import type { Finish } from '../../../core/delta.ts';
import { responseId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Seal } from '../../../core/seal.ts';
import type { AnsweredTurn } from '../../../core/turn.ts';
import type { Usage } from '../../../core/usage.ts';
import { attemptsView, passedOn } from '../../v1/fields.ts';
import { isOwn, PendingSeals, partsOf, type WirePart } from './answer-parts.ts';
import { groundingOf } from './grounding.ts';
import { logprobsResult } from './logprobs.ts';

type Fields = Record<string, unknown>;

/** A turn as `GenerateContentResponse` (https://ai.google.dev/api/generate-content). */
export function geminiResponse(turn: AnsweredTurn, seal: Seal): Fields {
  const choices = [turn.output, ...(turn.alternates ?? [])];
  const by = turn.answeredBy;
  return {
    candidates: choices.map((items, index) => {
      const logprobs = items.flatMap(logprobsIn);
      const parts = partsOf(items, {
        by,
        natives: index === 0 ? turn.outputNatives : undefined,
        isCut: !turn.finish[index],
        pending: index === 0 ? new PendingSeals(seal, turn.tenant) : undefined,
      });
      return {
        content: contentOf(parts),
        ...(logprobs.length > 0 && { logprobsResult: logprobsResult(logprobs) }),
        ...endOf(turn, index, items),
      };
    }),
    ...envelopeOf(turn),
  };
}

/** SDKs take a content without parts for a failure. */
const contentOf = (parts: WirePart[]) => ({
  parts: parts.length > 0 ? parts : [{ text: '' }],
  role: 'model',
});

/** What a candidate has at its end. */
export function endOf(turn: AnsweredTurn, index: number, items: readonly Item[]): Fields {
  const passed = passedOn(turn, 'gemini')?.candidates;
  const own = Array.isArray(passed) && isObject(passed[index]) ? passed[index] : undefined;
  const grounding = own ? undefined : groundingOf(items);
  const refusal = items.map(refusalIn).join('');
  return {
    ...own,
    ...(grounding && { groundingMetadata: grounding }),
    ...(refusal !== '' && own?.finishMessage === undefined && { finishMessage: refusal }),
    finishReason: finishReason(turn, index, refusal !== ''),
    index,
  };
}

/** What an answer has beside its candidates, at its end. */
export function envelopeOf(turn: AnsweredTurn): Fields {
  const { candidates: _, ...passed } = passedOn(turn, 'gemini') ?? {};
  return {
    ...passed,
    ...(turn.usage && { usageMetadata: usageOf(turn.usage, turn) }),
    modelVersion: turn.answeredBy?.model ?? turn.model,
    responseId: responseId(turn.id),
    ...(turn.attempts && { clawhold: { attempts: attemptsView(turn.attempts) } }),
  };
}

const REASONS: Readonly<Record<Finish['unified'], string>> = {
  stop: 'STOP',
  tool_calls: 'STOP',
  length: 'MAX_TOKENS',
  content_filter: 'SAFETY',
  unknown: 'OTHER',
};

/** An answer that was cancelled has no reason. */
function finishReason({ finish, answeredBy }: AnsweredTurn, index: number, isRefused: boolean): string {
  const reason = finish[index];
  if (!reason) return 'OTHER';
  if (isOwn(answeredBy) && reason.raw !== null) return reason.raw;
  return isRefused ? 'SAFETY' : REASONS[reason.unified];
}

/** A provider of this API reports its own counts; those of several calls are added up. */
function usageOf(usage: Usage, { answeredBy, attempts }: AnsweredTurn): unknown {
  if (isOwn(answeredBy) && !attempts && isObject(usage.raw)) return usage.raw;
  const { input, output, reasoning, cacheRead, tier } = usage;
  return {
    promptTokenCount: input,
    candidatesTokenCount: output - reasoning,
    totalTokenCount: input + output,
    ...(cacheRead > 0 && { cachedContentTokenCount: cacheRead }),
    ...(reasoning > 0 && { thoughtsTokenCount: reasoning }),
    ...(tier !== undefined && { serviceTier: tier === 'default' ? 'standard' : tier }),
  };
}

const refusalIn = (item: Item): string =>
  item.type === 'message'
    ? item.content.map((part) => (part.type === 'refusal' ? part.refusal : '')).join('')
    : '';

const logprobsIn = (item: Item): unknown[] =>
  item.type === 'message'
    ? item.content.flatMap((part) => (part.type === 'output_text' ? (part.logprobs ?? []) : []))
    : [];
