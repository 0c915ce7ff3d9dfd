import type { Delta, Finish, ReasoningDeltaType } from '../../core/delta.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import { wantsSummary } from '../../core/settings.ts';
import type { Usage } from '../../core/usage.ts';
import { answeredTier, reportedCost, tokenCount } from '../usage.ts';
import { type FormatTool, formatToolOf } from './tools.ts';
import type { Wire } from './wire.ts';

/** A content block that is open. Its deltas are added to `out`. */
export interface OpenBlock {
  push(delta: Wire, out: Delta[]): void;
  close(out: Delta[]): void;
}

/** What was read of one answer. */
export interface AnswerState {
  /** The provider's id of the message. Undefined before its start. */
  id?: string;
  ended: boolean;
  items: number;
  /** By the provider's block index. */
  blocks: Map<number, OpenBlock>;
  /** The message item to which further text blocks are added. */
  message?: { index: number; parts: number; open: number; leftovers: Record<number, Wire> };
  usage: Wire;
  stopReason: string | null;
  /** Present where the structured answer comes as a call of this tool. */
  formatTool?: FormatTool;
  /** The type of delta that thinking becomes. */
  thinking: ReasoningDeltaType;
  /** Number of function calls, without those of the format tool. */
  calls: number;
}

export function newAnswer(prompt: Prompt): AnswerState {
  return {
    ended: false,
    items: 0,
    blocks: new Map(),
    usage: {},
    stopReason: null,
    formatTool: formatToolOf(prompt),
    // A caller in this API's own words has no summaries: thoughts are shown as they come.
    thinking:
      prompt.dialect !== 'anthropic' && wantsSummary(prompt.settings) ? 'summary-delta' : 'reasoning-delta',
    calls: 0,
  };
}

export function nextItem(state: AnswerState): number {
  return state.items++;
}

const FINISH = new Map<string | null, Finish['unified']>([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['tool_use', 'tool_calls'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['refusal', 'content_filter'],
]);

export function finishOf({ stopReason: raw, formatTool, calls }: AnswerState): Finish {
  if (formatTool && raw === 'tool_use' && calls === 0) return { unified: 'stop', raw };
  return { unified: FINISH.get(raw) ?? 'unknown', raw };
}

/**
 * `raw` is the provider's usage object. Its totals do not count the compaction of a long prompt, which the
 * provider bills at the same rates, so it is added here. The tokens of an advisor model have other prices
 * and stay in `raw.iterations`.
 */
export function usageOf(raw: Wire): Usage {
  const usage: Usage = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, reasoning: 0, raw };
  addTo(usage, raw);
  Object.assign(usage, servedAs(raw), { reportedCost: reportedCost(raw) });
  if (isObject(raw.output_tokens_details))
    usage.reasoning = tokenCount(raw.output_tokens_details.thinking_tokens);
  if (!Array.isArray(raw.iterations)) return usage;
  for (const iteration of raw.iterations) {
    if (isObject(iteration) && iteration.type === 'compaction') addTo(usage, iteration);
  }
  return usage;
}

function addTo(usage: Usage, raw: Wire): void {
  const read = tokenCount(raw.cache_read_input_tokens);
  const written = tokenCount(raw.cache_creation_input_tokens);
  usage.input += tokenCount(raw.input_tokens) + read + written;
  usage.output += tokenCount(raw.output_tokens);
  usage.cacheRead += read;
  usage.cacheWrite += written;
  if (!isObject(raw.cache_creation)) return;
  usage.cacheWriteHour =
    (usage.cacheWriteHour ?? 0) + tokenCount(raw.cache_creation.ephemeral_1h_input_tokens);
}

/** Values of `usage` for the usual speed and for a call without a region. */
const USUAL_MODES: ReadonlySet<unknown> = new Set(['standard', 'global', 'not_available']);

/** The service tier, and what else changes the price: the speed (`fast`) and the region (`us`). */
function servedAs({ service_tier, speed, inference_geo }: Wire): Pick<Usage, 'tier' | 'modes'> {
  const modes = [speed, inference_geo].filter(
    (mode): mode is string => typeof mode === 'string' && !USUAL_MODES.has(mode),
  );
  return { tier: answeredTier(service_tier), modes: modes.length > 0 ? modes : undefined };
}
