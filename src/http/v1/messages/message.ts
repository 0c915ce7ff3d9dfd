import type { Finish } from '../../../core/delta.ts';
import { messageId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Outcome } from '../../../core/outcome.ts';
import { isSeal, type Seal } from '../../../core/seal.ts';
import type { AnsweredTurn, Asked } from '../../../core/turn.ts';
import type { Usage } from '../../../core/usage.ts';
import { attemptsView, cacheCreation, passedOn } from '../fields.ts';
import { type Block, blocksOf, type Fields, isShownCall } from './blocks.ts';

/** A turn as a message (platform.claude.com, "Create a Message"). */
export function messageOf(turn: AnsweredTurn, seal: Seal): Fields {
  const { answeredBy: by, tenant, output, outputNatives } = turn;
  const answering = { by, tenant, seal };
  return {
    ...head(turn, by?.model ?? turn.model),
    content: withoutLastSeal(
      output.flatMap((item, index) => blocksOf(item, outputNatives?.[index], answering)),
    ),
    ...endingOf(turn),
    ...passedOn(turn, 'anthropic'),
    usage: usageOf(turn),
    ...attemptsOf(turn),
  };
}

/**
 * An answer does not end with a thought that shows nothing: clients take the last block for the answer. It is the
 * signature of a text, which its provider does not need.
 */
function withoutLastSeal(blocks: Block[]): Block[] {
  const last = blocks.findLastIndex(
    ({ type, thinking, signature }) => !(type === 'thinking' && thinking === '' && isSeal(signature)),
  );
  return blocks.slice(0, last + 1);
}

/** The fields of a message that are known when it begins. */
export const head = ({ id }: Pick<Asked, 'id'>, model: string): Fields => ({
  ...{ id: messageId(id), type: 'message', role: 'assistant', model },
});

/** The calls that made an answer, where there were several. */
export const attemptsOf = ({ attempts }: Pick<Outcome, 'attempts'>): Fields =>
  attempts ? { clawhold: { attempts: attemptsView(attempts) } } : {};

type Ended = Pick<Outcome, 'finish' | 'output' | 'answeredBy' | 'extra'>;

/** Why the message ended. */
export function endingOf(turn: Ended): Fields {
  const refusal = turn.output.map(refusalIn).join('');
  const raw = passedOn(turn, 'anthropic');
  const stop_reason = refusal === '' ? stopReason(turn) : 'refusal';
  const explained = refusal !== '' && !isObject(raw?.stop_details);
  return {
    stop_reason,
    stop_sequence: null,
    ...(explained && { stop_details: { type: 'refusal', category: null, explanation: refusal } }),
  };
}

const refusalIn = (item: Item): string =>
  item.type === 'message'
    ? item.content.map((part) => (part.type === 'refusal' ? part.refusal : '')).join('')
    : '';

const REASONS: Record<Finish['unified'], string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  unknown: 'end_turn',
};

/**
 * The provider's own reason where it speaks this dialect. A structured answer of an older model comes as a call,
 * and is shown as text. `null` for an answer that has not ended.
 */
function stopReason({ finish: [finish], output, answeredBy }: Ended): string | null {
  if (!finish) return null;
  const hasCalls = output.some((item) => item.type === 'function_call' && isShownCall(item));
  const { raw, unified } = finish;
  if (answeredBy?.protocol !== 'anthropic' || raw === null) {
    return hasCalls && unified === 'stop' ? 'tool_use' : REASONS[unified];
  }
  return raw === 'tool_use' && unified === 'stop' ? 'end_turn' : raw;
}

/** The usage of a turn. What one provider of this dialect reports is shown as it came. */
export function usageOf({
  usage,
  answeredBy,
  attempts,
}: Pick<Outcome, 'usage' | 'answeredBy' | 'attempts'>): Fields {
  if (!usage) return NO_USAGE;
  const isWhole = answeredBy?.protocol === 'anthropic' && (attempts?.length ?? 1) === 1;
  return isWhole && isObject(usage.raw) ? usage.raw : countsOf(usage);
}

/** Before a provider has reported any. */
export const NO_USAGE: Fields = {
  input_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 0,
};

const countsOf = (usage: Usage): Fields => ({
  input_tokens: usage.input - usage.cacheRead - usage.cacheWrite,
  cache_creation_input_tokens: usage.cacheWrite,
  cache_read_input_tokens: usage.cacheRead,
  ...cacheCreation(usage),
  output_tokens: usage.output,
  output_tokens_details: { thinking_tokens: usage.reasoning },
  service_tier: usage.tier === 'priority' ? 'priority' : 'standard',
});
