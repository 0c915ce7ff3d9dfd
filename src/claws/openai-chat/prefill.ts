import type { Prompt, Provider, Quirks } from '../claw.ts';
import type { ChatMessage, Json } from './wire.ts';

/**
 * A model that thinks before it speaks cannot be made to go on speaking: some servers refuse
 * (llama.cpp: "Assistant response prefill is incompatible with enable_thinking"), others take what follows
 * for thought (vLLM's reasoning parsers).
 */
export function chatPrefills(prompt: Prompt, provider: Provider): boolean {
  return provider.quirks.prefill !== undefined && !thinks(prompt);
}

function thinks({ settings, items }: Prompt): boolean {
  const { effort } = settings.reasoning ?? {};
  return (effort !== undefined && effort !== 'none') || items.some(({ item }) => item.type === 'reasoning');
}

const ON_MESSAGE: Partial<Record<NonNullable<Quirks['prefill']>, Json>> = {
  partial: { partial: true },
  prefix: { prefix: true },
};

const IN_REQUEST: Partial<Record<NonNullable<Quirks['prefill']>, Json>> = {
  continue_final_message: { continue_final_message: true, add_generation_prompt: false },
};

/** The last message marked as one to go on with, where the provider wants the mark there. */
export function marked(messages: ChatMessage[], { continues }: Prompt, { quirks }: Provider): ChatMessage[] {
  const last = messages.at(-1);
  const mark = quirks.prefill && ON_MESSAGE[quirks.prefill];
  return continues && last && mark ? [...messages.slice(0, -1), { ...last, ...mark }] : messages;
}

export function prefillFields({ continues }: Prompt, { quirks }: Provider): Json {
  return (continues && quirks.prefill && IN_REQUEST[quirks.prefill]) || {};
}
