import type { Provider } from '../claw.ts';

/** How a provider's chat completions differ in ways that `Quirks` has no words for. */
export interface Facts {
  /**
   * The provider takes hints that change no answer (`prompt_cache_key`, `safety_identifier`) and OpenAI's
   * own structures (`refusal`, `allowed_tools`). Groq, Cerebras and Mistral refuse requests that hold them.
   */
  openai: boolean;
  /** Ids of tool calls must be nine letters or digits. */
  nineCharacterIds: boolean;
  /** An assistant message with tool calls is refused without `reasoning_content`, be it empty. */
  reasoningWithCalls: boolean;
  seedField: 'seed' | 'random_seed';
}

/** By provider id, as in the catalogue. */
const KNOWN: Record<string, Partial<Facts>> = {
  // Error 3280: "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9."
  mistral: { nineCharacterIds: true, seedField: 'random_seed' },
  // https://api-docs.deepseek.com/guides/thinking_mode, "Tool Calls"; thinking is on by default.
  deepseek: { reasoningWithCalls: true },
  // "thinking is enabled but reasoning_content is missing in assistant tool call message"
  moonshot: { reasoningWithCalls: true },
  moonshotai: { reasoningWithCalls: true },
};

/** `developer` is OpenAI's own role: who takes it takes the rest of OpenAI's newer vocabulary. */
export function factsOf(provider: Provider): Facts {
  return {
    openai: provider.quirks.developerRole ?? false,
    nineCharacterIds: false,
    reasoningWithCalls: false,
    seedField: 'seed',
    ...(Object.hasOwn(KNOWN, provider.id) ? KNOWN[provider.id] : undefined),
  };
}
