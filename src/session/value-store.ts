import type { SessionId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';
import { mergePatch, type SessionValue, type ValueCondition } from '../core/values.ts';

/** What a request does to a value. */
export type ValueChange =
  /** Creates or replaces it. */
  | { kind: 'put'; json: string }
  /** Changes a value that exists by a JSON merge patch (RFC 7396), given as JSON text. */
  | { kind: 'merge'; patch: string }
  | { kind: 'delete' };

/** What became of a change. */
export type ValueOutcome =
  /** `value` is the value as it is now; after a deletion, as it was. */
  | { kind: 'done'; value: SessionValue }
  /** The condition does not hold. Without `current`, there is no such value. */
  | { kind: 'unmet'; current?: SessionValue }
  /** There is no such value, and the change needs one. */
  | { kind: 'missing' }
  | { kind: 'no-session' }
  /** The change would exceed a limit: of one value, of the number of values, or of the bytes of all values. */
  | { kind: 'over-limit'; limit: 'value' | 'number' | 'total' };

/** Bytes of the JSON text of one value, in UTF-8. */
export const MOST_VALUE_BYTES = 64 * 1024;
/** Values of a session, and bytes of them all. */
export const MOST_VALUES = 256;
export const MOST_TOTAL_BYTES = 1024 * 1024;

/**
 * The values of sessions. They are in the same store as the `TurnLog`, because a commit sets values in its own
 * transaction (`CommitOptions.values`), and because the deletion of a session erases them. Implementations pass
 * `tests/conformance/value-store.ts`. What a resolved promise has written survives a crash of the machine, and
 * every later read sees it. Data of other tenants is never found. Failures of the store itself reject with
 * `store_unavailable`.
 */
export interface ValueStore {
  readValue(tenant: Tenant, session: SessionId, key: string): Promise<SessionValue | undefined>;
  /** All values of a session, sorted by key; at most about `MOST_TOTAL_BYTES`. Empty where there is no session. */
  listValues(tenant: Tenant, session: SessionId): Promise<SessionValue[]>;
  /** Checks the condition and makes the change in one moment. A change that is refused changes nothing. */
  changeValue(
    tenant: Tenant,
    session: SessionId,
    key: string,
    change: ValueChange,
    condition: ValueCondition,
  ): Promise<ValueOutcome>;
  /** Erases all values of a session. */
  erase(tenant: Tenant, session: SessionId): Promise<void>;
}

/** What a store knows of a session's values at the moment of a change. */
export interface ValueState {
  /** The value that changes; absent where there is none. */
  current?: SessionValue;
  /** The highest version of a deleted value of the session; 0 where none was deleted. */
  floor: number;
  /** Values of the session, and the bytes of their JSON texts. */
  count: number;
  bytes: number;
}

export const bytesOf = (json: string): number => Buffer.byteLength(json);

/** What becomes of a change: the rules of every store. The store writes the result. */
export function outcomeOf(
  state: ValueState,
  key: string,
  change: ValueChange,
  condition: ValueCondition,
  now: number,
): ValueOutcome {
  const { current } = state;
  if (!isMet(condition, current)) return { kind: 'unmet', current };
  if (change.kind === 'delete') return current ? { kind: 'done', value: current } : { kind: 'missing' };
  if (change.kind === 'merge' && !current) return { kind: 'missing' };
  const json = change.kind === 'merge' ? mergePatch(current!.json, change.patch) : change.json;
  const limit = exceededBy(state, json);
  return limit ? { kind: 'over-limit', limit } : { kind: 'done', value: written(state, key, json, now) };
}

/** The value after it was written. */
export function written(
  { current, floor }: Pick<ValueState, 'current' | 'floor'>,
  key: string,
  json: string,
  now: number,
): SessionValue {
  const version = (current?.version ?? floor) + 1;
  return { key, json, version, createdAt: current?.createdAt ?? now, updatedAt: now };
}

/** The limit that the session's values would exceed with this value. */
export function exceededBy(
  { current, count, bytes }: Pick<ValueState, 'count' | 'bytes'> & { current?: Pick<SessionValue, 'json'> },
  json: string,
): (ValueOutcome & { kind: 'over-limit' })['limit'] | undefined {
  const size = bytesOf(json);
  if (size > MOST_VALUE_BYTES) return 'value';
  if (!current && count >= MOST_VALUES) return 'number';
  const before = current ? bytesOf(current.json) : 0;
  // Values that shrink are accepted, also where turns have exceeded the limit (`CommitOptions.values`).
  return size > before && bytes - before + size > MOST_TOTAL_BYTES ? 'total' : undefined;
}

function isMet(condition: ValueCondition, current: SessionValue | undefined): boolean {
  switch (condition.kind) {
    case 'none':
      return true;
    case 'absent':
      return !current;
    case 'present':
      return current !== undefined;
    case 'version':
      return current?.version === condition.version;
  }
}
