import type { Provider } from '../claw.ts';
import type { ReasoningForm } from './wire.ts';

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
  /** Where the provider takes the reasoning that a caller replays; absent where it takes none. */
  reasoningForm?: ReasoningForm;
}

/** By provider id, as in the catalogue. */
const KNOWN: Record<string, Partial<Facts>> = {
  // Error 3280: "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9."
  mistral: { nineCharacterIds: true, seedField: 'random_seed', reasoningForm: 'thinking' },
  // These name the field `reasoning`; Groq refuses messages with fields that it does not know.
  cerebras: { reasoningForm: 'reasoning' },
  groq: { reasoningForm: 'reasoning' },
  openrouter: { reasoningForm: 'reasoning' },
  together: { reasoningForm: 'reasoning' },
  // https://api-docs.deepseek.com/guides/thinking_mode, "Tool Calls"; thinking is on by default.
  deepseek: { reasoningWithCalls: true },
  // "thinking is enabled but reasoning_content is missing in assistant tool call message"
  moonshot: { reasoningWithCalls: true },
};

/**
 * Who takes both the role `developer` and the field `max_completion_tokens` is taken for OpenAI's own
 * API (or Azure's, which is the same); Cohere takes the one and Groq the other.
 */
export function factsOf(provider: Provider): Facts {
  const { developerRole, maxTokensField } = provider.quirks;
  const openai = developerRole === true && maxTokensField === 'max_completion_tokens';
  return {
    openai,
    nineCharacterIds: false,
    reasoningWithCalls: false,
    seedField: 'seed',
    reasoningForm: openai ? undefined : 'reasoning_content',
    ...(Object.hasOwn(KNOWN, provider.id) ? KNOWN[provider.id] : undefined),
  };
}
