import type { Dialect } from '../../harness/dialects.ts';

/** How a client asks, and what it does when its connection breaks. */
export interface ClientKind {
  dialect: Dialect;
  mode: 'stream' | 'json' | 'background' | 'background-stream';
  /** Claude 4.5 continues an assistant message; the model at groq must be asked to continue. */
  provider: 'groq' | 'anthropic';
  /** It names a session, or uses `previous_response_id`, or sends one message and nothing is stored. */
  state: 'session' | 'chain' | 'none';
  /**
   * `key`: it sends the request again with the same idempotency key. `sdk`: it sends the request again with a retry
   * count, as SDKs do. `resume`: it fetches the turn by its id, as soon as it knows the id.
   */
  comeback: 'key' | 'sdk' | 'resume';
}

const PROVIDERS = ['groq', 'anthropic'] as const;
const COMEBACKS = ['key', 'sdk', 'resume'] as const;
const ANY_MODE = ['stream', 'json', 'background', 'background-stream'] as const;

/** Every possible combination. The order makes neighbours differ. */
export const CLIENT_KINDS: readonly ClientKind[] = spread([
  ...combine('chat', ['stream', 'json'], ['session'], COMEBACKS),
  ...combine('messages', ['stream', 'json'], ['session'], COMEBACKS),
  ...combine('gemini', ['stream', 'json'], ['session'], COMEBACKS),
  ...combine('responses', ANY_MODE, ['session', 'chain'], COMEBACKS),
  // A turn that is not stored survives a kill only if it has an idempotency key.
  ...combine('chat', ['stream', 'json'], ['none'], ['key']),
  ...combine('messages', ['stream', 'json'], ['none'], ['key']),
  ...combine('gemini', ['stream', 'json'], ['none'], ['key']),
  ...combine('responses', ['stream', 'json'], ['none'], ['key']),
]);

function combine(
  dialect: ClientKind['dialect'],
  modes: readonly ClientKind['mode'][],
  states: readonly ClientKind['state'][],
  comebacks: readonly ClientKind['comeback'][],
): ClientKind[] {
  return modes.flatMap((mode) =>
    states.flatMap((state) =>
      PROVIDERS.flatMap((provider) =>
        comebacks.map((comeback) => ({ dialect, mode, state, provider, comeback })),
      ),
    ),
  );
}

/** Reorders a list with a step size that has no common divisor with the length, so that each item appears once. */
function spread<T>(list: readonly T[]): T[] {
  const STEP = 23;
  return list.map((_, index) => list[(index * STEP) % list.length]!);
}

export const isStream = ({ mode }: ClientKind): boolean => mode === 'stream' || mode === 'background-stream';
export const isBackground = ({ mode }: ClientKind): boolean => mode.startsWith('background');
