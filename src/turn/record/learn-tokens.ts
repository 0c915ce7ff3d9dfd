import { isGuessed } from '../../context/tokens.ts';
import type { Item } from '../../core/items.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { Tool } from '../../core/settings.ts';
import type { RunningTurn, TurnPath } from '../path.ts';

/**
 * Learns how the answering model counts tokens, from the usage that its provider reports. Only of prompts that the
 * estimate knows as a whole: of text, for one call, and without what a tool of the provider adds to them.
 */
export function learnTokens(
  { intent, folded, contexts }: Pick<RunningTurn, 'intent' | 'folded' | 'contexts'>,
  { state, usage, output }: Outcome,
  { tokens }: Pick<TurnPath, 'tokens'>,
): void {
  const { by, brokenOff } = folded;
  if (!by || !usage || state === 'failed' || state === 'cancelled' || brokenOff.length > 0) return;
  if (!tokens.ratios.wantsPrompt(by)) return;
  const sent = contexts.sent(by);
  if (!sent || sent.items.some(({ item }) => isGuessed(item)) || output.some(isOfProvider)) return;
  if (intent.settings.tools?.some(isHosted)) return;
  tokens.ratios.learn(by, sent.tokens, usage.input);
}

const OWN_OUTPUT = new Set(['message', 'reasoning', 'function_call', 'custom_tool_call']);

const isOfProvider = ({ type }: Item): boolean => !OWN_OUTPUT.has(type);

const isHosted = ({ type }: Tool): boolean => type !== 'function';
