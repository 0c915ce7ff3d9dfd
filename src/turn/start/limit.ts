import { estimateTokens, itemsTokens, toolsTokens } from '../../context/tokens.ts';
import type { Caller } from '../../core/request.ts';
import { type Ask, isBackground, isStreamed, userOf } from '../../core/turn.ts';
import type { Hold, TokenEstimate } from '../../limits/hold.ts';
import type { TurnPath } from '../path.ts';

/** The tokens of an answer for which the request sets no limit, until its usage is known. */
const ASSUMED_ANSWER = 500;

/**
 * Takes the turn's share of the caller's limits; `undefined` where nothing limits it. Throws or rejects with
 * `rate_limit_exceeded`, `request_over_limit` or `gateway_overloaded`. Nothing is held or recorded then.
 */
export function limitTurn(
  { ask, caller }: { ask: Ask; caller: Caller },
  { limits, overload }: Pick<TurnPath, 'limits' | 'overload'>,
): Promise<Hold | undefined> | undefined {
  overload.admit(isBackground(ask.delivery) ? 'background' : 'interactive');
  if (!limits.active) return undefined;
  const { tenant, key } = caller;
  return limits.take({
    ...{ tenant, key, model: ask.model },
    user: userOf(ask),
    isStreamed: isStreamed(ask.delivery),
    estimate: () => estimateOf(ask),
  });
}

function estimateOf({ input, instructions, settings }: Ask): TokenEstimate {
  const { tools, max_output_tokens: answer = ASSUMED_ANSWER, n = 1 } = settings;
  return {
    input: itemsTokens(input),
    other: estimateTokens(instructions ?? '') + toolsTokens(tools) + n * answer,
  };
}
