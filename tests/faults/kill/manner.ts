/** How a client talks, and what it does when its connection breaks. */
export interface Manner {
  dialect: 'chat' | 'responses';
  mode: 'stream' | 'json' | 'background' | 'background-stream';
  /** Claude 4.5 goes on with its own words by itself; the model at groq has to be told to. */
  provider: 'groq' | 'anthropic';
  /** It names a session, or chains by `previous_response_id`, or says all at once and has nothing kept. */
  state: 'session' | 'chain' | 'none';
  /**
   * It sends its request again with the same idempotency key, or as SDKs do, who count how often they did;
   * or it asks for the turn by its id, as soon as it has been told one.
   */
  comeback: 'key' | 'sdk' | 'resume';
}

const PROVIDERS = ['groq', 'anthropic'] as const;
const COMEBACKS = ['key', 'sdk', 'resume'] as const;
const ANY_MODE = ['stream', 'json', 'background', 'background-stream'] as const;

/** Every combination that there is, in an order in which neighbours differ. */
export const MANNERS: readonly Manner[] = spread([
  ...combine('chat', ['stream', 'json'], ['session'], COMEBACKS),
  ...combine('responses', ANY_MODE, ['session', 'chain'], COMEBACKS),
  // What is not kept survives only for an idempotency key.
  ...combine('chat', ['stream', 'json'], ['none'], ['key']),
  ...combine('responses', ['stream', 'json'], ['none'], ['key']),
]);

function combine(
  dialect: Manner['dialect'],
  modes: readonly Manner['mode'][],
  states: readonly Manner['state'][],
  comebacks: readonly Manner['comeback'][],
): Manner[] {
  return modes.flatMap((mode) =>
    states.flatMap((state) =>
      PROVIDERS.flatMap((provider) =>
        comebacks.map((comeback) => ({ dialect, mode, state, provider, comeback })),
      ),
    ),
  );
}

/** Goes round in steps that have no divisor in common with the length, so that each is met once. */
function spread<T>(list: readonly T[]): T[] {
  const STEP = 23;
  return list.map((_, index) => list[(index * STEP) % list.length]!);
}

export const isStream = ({ mode }: Manner): boolean => mode === 'stream' || mode === 'background-stream';
export const isBackground = ({ mode }: Manner): boolean => mode.startsWith('background');
