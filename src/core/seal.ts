import type { Reasoning } from './items.ts';
import type { Tenant } from './request.ts';

/**
 * A thought: reasoning of a model that its provider needs again. A seal is a thought as a text that only
 * the gateway can read. A client that keeps its own conversation gets the seal as `encrypted_content` and sends
 * it back.
 */
export interface Thought {
  /** The provider that made the reasoning. No other provider gets it. */
  origin: string;
  /** The wire protocol of `native`. */
  protocol: string;
  /** The value of `item-end.native`. */
  native?: unknown;
  /**
   * The reasoning as the provider wrote it, without an id. The client may drop or change the readable text, so
   * it is in the seal too.
   */
  item: Reasoning;
}

/** Seals a thought for a tenant. Equal thoughts give equal texts while the key is the same. */
export type Seal = (thought: Thought, tenant: Tenant) => string;

/** The beginning of every seal. Encrypted content of a provider never begins with it. */
export const SEAL_PREFIX = 'clawhold-seal.';

export const isSeal = (text: unknown): text is string =>
  typeof text === 'string' && text.startsWith(SEAL_PREFIX);

/** The fields that hold no seal, at any depth: only where the gateway puts a seal can it take it out again. */
export function withoutSeals(fields: Record<string, unknown>): Record<string, unknown> {
  const holdsSeal = (value: unknown) => JSON.stringify(value)?.includes(`"${SEAL_PREFIX}`) === true;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !holdsSeal(value)));
}

/** The thought of a reasoning item of an answer. */
export function thoughtOf(
  { id: _id, status: _status, ...item }: Reasoning,
  native: unknown,
  { provider: origin, protocol }: { provider: string; protocol: string },
): Thought {
  return { origin, protocol, native, item };
}
