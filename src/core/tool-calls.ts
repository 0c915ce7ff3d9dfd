import type { Item } from './items.ts';

/** A call that has no output yet. */
export interface OpenCall {
  type: string;
  call_id: string;
  /** See `isClientCall`. */
  isClient: boolean;
  /** Another call with the same `call_id` was open when this one came. */
  isAmbiguous: boolean;
  /** See `isHalfCall`. */
  isHalf: boolean;
  /** The index that `OpenCalls.add` was given with the call. */
  index: number;
}

/** Calls whose output the client sends. A hosted tool's call runs at the provider, which adds the output itself. */
const CLIENT_CALL = /^(function|custom_tool|computer|local_shell|shell|apply_patch)_call$/;
const CLIENT_OUTPUT = /^(function|custom_tool|computer|local_shell|shell|apply_patch)_call_output$/;

/**
 * Whether the item is a call whose output the client sends. In a tool search by the client, the client sends
 * the tools that it found.
 */
export const isClientCall = (item: Item): boolean =>
  CLIENT_CALL.test(item.type) || isClientSearch(item, 'tool_search_call');

/** Whether the item is the output that a client sends for a call. */
export const isClientOutput = (item: Item): boolean =>
  CLIENT_OUTPUT.test(item.type) || isClientSearch(item, 'tool_search_output');

/** A provider's own tool search has no `call_id`. */
const isClientSearch = (item: Item, type: string): boolean =>
  (item.type as string) === type && !isServerRun(item) && callIdOf(item) !== undefined;

/**
 * Whether the item is a call in the form of a client's call that the provider has run itself. Claws mark it as the
 * Responses API marks calls of its tool search. It has no output, and the client must not send one.
 */
export const isServerRun = (item: Item): boolean => (item as { execution?: unknown }).execution === 'server';

/**
 * The id by which an output names its call. An empty id counts as none: xAI gives it to calls that it runs
 * itself.
 */
export function callIdOf(item: Item): string | undefined {
  if (isServerRun(item) && CLIENT_CALL.test(item.type)) return undefined;
  const { call_id } = item as { call_id?: unknown };
  return typeof call_id === 'string' && call_id !== '' ? call_id : undefined;
}

/**
 * Whether the item is a call for the client that was cut before it was whole. It needs no output, and a provider
 * receives it only with the output that the client has sent for it.
 */
export const isHalfCall = (item: Item): boolean =>
  isClientCall(item) && (item as { status?: unknown }).status === 'incomplete';

/** Whether a text is a JSON object: arguments of a call that are whole. Nothing can be added to a JSON object. */
export function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === 'object' && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Whether the item is the output of any tool, of a hosted one too. */
export const isOutput = ({ type }: Item): boolean => type.endsWith('_output');

const isMessageToModel = (item: Item): boolean => item.type === 'message' && item.role !== 'assistant';

/**
 * The calls of a conversation that have no output yet. Items are added one by one, in order. A call and its
 * output have the same `call_id`. Some servers give every call of an answer the same id: then the first
 * output belongs to the first call.
 *
 * The client sends the outputs of all calls of an answer together, after the last call. The conversation has
 * moved on when a message follows that is not the model's, or when the model continues after it received
 * outputs. A call that is still open at this point stays without an output: no provider accepts it later.
 */
export class OpenCalls {
  /** In their order. */
  private readonly calls = new Set<OpenCall>();
  /** The same, by their ids: a history may have many thousand calls at once. */
  private readonly byId = new Map<string, Set<OpenCall>>();
  /** The last items are outputs that a client sent. */
  private hasOutputs = false;

  /** Open calls whose output the client sends, oldest first. */
  get waiting(): OpenCall[] {
    return [...this.calls].filter(({ isClient }) => isClient);
  }

  /** Whether one of `waiting` has the id. */
  isWaiting(call_id: string | undefined): boolean {
    return call_id !== undefined && this.byId.has(keyOf(call_id, true));
  }

  /** The oldest open call. */
  get oldest(): OpenCall | undefined {
    for (const call of this.calls) return call;
    return undefined;
  }

  /** The waiting calls that stay without an output if `item` is next. */
  abandonedBy(item: Item): OpenCall[] {
    return !isOutput(item) && (this.hasOutputs || isMessageToModel(item)) ? this.waiting : [];
  }

  /**
   * Adds the next item. Returns the call whose output it is. `index` is returned with a call (`OpenCall`); its
   * meaning is up to the caller.
   */
  add(item: Item, index = 0): OpenCall | undefined {
    const call_id = callIdOf(item);
    if (isOutput(item)) return call_id === undefined ? undefined : this.close(call_id, isClientOutput(item));
    for (const call of this.abandonedBy(item)) this.drop(call);
    this.hasOutputs = false;
    if (call_id === undefined) return undefined;
    const isHalf = isHalfCall(item);
    // A client may send a half call back with its output: then the half call is there twice.
    for (const call of this.byId.get(halfKeyOf(call_id)) ?? []) this.drop(call);
    const isClient = isClientCall(item);
    const isAmbiguous = this.byId.has(keyOf(call_id, true)) || this.byId.has(keyOf(call_id, false));
    const call = { type: item.type, call_id, isClient, isAmbiguous, isHalf, index };
    this.calls.add(call);
    for (const key of keysOf(call)) {
      const same = this.byId.get(key);
      if (same) same.add(call);
      else this.byId.set(key, new Set([call]));
    }
    return undefined;
  }

  /** The call stays without an output. */
  drop(call: OpenCall): void {
    this.calls.delete(call);
    for (const key of keysOf(call)) {
      const same = this.byId.get(key);
      same?.delete(call);
      if (same?.size === 0) this.byId.delete(key);
    }
  }

  /** An output that the client sends belongs to a call of the client. */
  private close(call_id: string, isClient: boolean): OpenCall | undefined {
    for (const call of this.byId.get(keyOf(call_id, isClient)) ?? []) {
      this.drop(call);
      if (isClient) this.hasOutputs = true;
      return call;
    }
    return undefined;
  }
}

const keyOf = (call_id: string, isClient: boolean): string =>
  `${isClient ? 'client' : 'provider'} ${call_id}`;
const halfKeyOf = (call_id: string): string => `half ${call_id}`;
const keysOf = ({ call_id, isClient, isHalf }: OpenCall): string[] =>
  isHalf ? [keyOf(call_id, isClient), halfKeyOf(call_id)] : [keyOf(call_id, isClient)];

/** Ids of calls, each given out once: `c`, `c_2`, `c_3`… */
export class DistinctIds {
  /** By id, how many calls have asked for it. */
  private readonly counts = new Map<string, number>();

  constructor(private readonly taken = new Set<string>()) {}

  /** `wanted`, or where it is taken, `wanted` with the next free number. */
  next(wanted: string): string {
    let count = this.counts.get(wanted) ?? 0;
    let id: string;
    do {
      count++;
      id = count === 1 ? wanted : `${wanted}_${count}`;
    } while (this.taken.has(id));
    this.counts.set(wanted, count);
    this.taken.add(id);
    return id;
  }
}
