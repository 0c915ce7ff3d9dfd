import { interactionId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import type { Outcome, TurnState } from '../../../core/outcome.ts';
import type { Seal } from '../../../core/seal.ts';
import type { AnsweredTurn, Asked } from '../../../core/turn.ts';
import type { TurnView } from '../../../core/turn-view.ts';
import { dollars, type Usage } from '../../../core/usage.ts';
import { attemptsView } from '../../v1/fields.ts';
import { errorObject } from '../gemini/error.ts';
import { type Fields, inputSteps, isShownCall, outputSteps } from './step-views.ts';

/** A turn as an interaction (ai.google.dev/api/interactions-api, "Interaction"). */
export function interaction(
  { retention }: Pick<TurnView, 'retention'>,
  turn: AnsweredTurn,
  seal: Seal,
  withInput = false,
): Fields {
  const { answeredBy: by, tenant } = turn;
  const output = outputSteps(turn, { by, tenant, seal });
  return {
    ...endedFields(retention, turn),
    ...(turn.error && { errors: [errorOf(turn.error)] }),
    ...(turn.instructions !== undefined && withInput && { system_instruction: turn.instructions }),
    steps: withInput ? [...inputSteps(turn.input), ...output] : output,
    ...askedFields(turn),
  };
}

/** The fields of an interaction that has ended, without its steps. */
export function endedFields(retention: TurnView['retention'], turn: AnsweredTurn): Fields {
  const { usage, completedAt, answeredBy, attempts } = turn;
  return {
    ...idOf(retention, turn),
    status: statusOf(turn),
    ...(usage && { usage: usageOf(usage, turn) }),
    created: timeText(turn.createdAt),
    updated: timeText(completedAt),
    ...(usage && { service_tier: serviceTier(usage) }),
    ...(attempts && { clawhold: { attempts: attemptsView(attempts) } }),
    object: 'interaction',
    model: answeredBy?.model ?? turn.model,
  };
}

/** An interaction that is not stored has no id, because nothing can be fetched by it. */
export const idOf = (retention: TurnView['retention'], { id }: Pick<Asked, 'id'>): Fields =>
  retention === 'stored' || retention === 'listed' ? { id: interactionId(id) } : {};

const askedFields = ({ echo, metadata }: Asked): Fields => ({
  ...(echo?.previous_interaction_id !== undefined && {
    previous_interaction_id: echo.previous_interaction_id,
  }),
  ...(Object.keys(metadata).length > 0 && { labels: metadata }),
});

/** An interaction that has not ended. */
export const running = ({ asked, retention, state }: TurnView): Fields => ({
  ...idOf(retention, asked),
  status: state === 'queued' ? 'queued' : 'in_progress',
  created: timeText(asked.createdAt),
  updated: timeText(asked.createdAt),
  ...askedFields(asked),
  object: 'interaction',
  model: asked.model,
});

/** The form of Google's times, in whole seconds. */
export const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const STATUSES: Record<Exclude<TurnState, 'completed'>, string> = {
  queued: 'queued',
  running: 'in_progress',
  incomplete: 'incomplete',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** A completed answer that calls functions waits for their results. */
function statusOf({ state, output }: AnsweredTurn): string {
  if (state !== 'completed') return STATUSES[state];
  return output.some(isOpenCall) ? 'requires_action' : 'completed';
}

const isOpenCall = (item: Item): boolean => item.type === 'function_call' && isShownCall(item);

export const errorOf = (error: NonNullable<Outcome['error']>): Fields => {
  const { status, message, details } = errorObject(error);
  return { code: status, message, details };
};

const TIERS: ReadonlyMap<string, string> = new Map([['default', 'standard']]);
const serviceTier = ({ tier = 'default' }: Usage): string => TIERS.get(tier) ?? tier;

/** `cost` is ours, in US dollars. Tokens of thoughts are not among those of the output. */
function usageOf(usage: Usage, { cost, costEstimated }: Pick<Outcome, 'cost' | 'costEstimated'>): Fields {
  const { input, output, reasoning, cacheRead } = usage;
  return {
    total_tokens: input + output,
    total_input_tokens: input,
    input_tokens_by_modality: modalities(input, usage.audioInput),
    total_cached_tokens: cacheRead,
    total_output_tokens: output - reasoning,
    total_tool_use_tokens: 0,
    total_thought_tokens: reasoning,
    ...(cost !== undefined && { cost: dollars(cost) }),
    ...(costEstimated && { cost_estimated: costEstimated }),
  };
}

function modalities(all: number, audio = 0): Fields[] {
  const text = { modality: 'text', tokens: all - audio };
  return audio > 0 ? [text, { modality: 'audio', tokens: audio }] : [text];
}
