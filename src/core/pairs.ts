import type { Item } from './items.ts';

/** A call that has no output yet. */
export interface OpenCall {
  type: string;
  call_id: string;
  /** `call_id`, or where another open call has it too, one that tells the two apart. */
  distinct: string;
  /** Where it was found, as `take` was told. */
  place: number;
}

/** Calls that wait for their caller. A hosted tool's call runs at the provider, which answers it when it likes. */
const WAITING = /^(function|custom_tool|computer|local_shell|shell|apply_patch)_call$/;
const ANSWERING = /^(function|custom_tool|computer|local_shell|shell|apply_patch)_call_output$/;

/** Whether a caller answers a call with it. */
export const isAnswer = ({ type }: Item): boolean => ANSWERING.test(type);

export function callIdOf(item: Item): string | undefined {
  const { call_id } = item as { call_id?: unknown };
  return typeof call_id === 'string' ? call_id : undefined;
}

const isOutput = ({ type }: Item): boolean => type.endsWith('_output');

/** Whether it is said by somebody else than the model. */
const isFromOutside = (item: Item): boolean => item.type === 'message' && item.role !== 'assistant';

/**
 * The calls of a conversation that have no output, as it goes on item by item. Calls and outputs pair by
 * id, and in order where open calls share one: some servers give every call of an answer the same.
 *
 * Calls that wait for their caller are answered together, behind the last of them. Once somebody else
 * speaks, or the model does after it was given outputs, the conversation has moved on, and what is still
 * open then will never be answered: no provider takes an output from further down.
 */
export class OpenCalls {
  private calls: OpenCall[] = [];
  private answered = false;

  /** Those that wait for their caller, oldest first. */
  get waiting(): OpenCall[] {
    return this.calls.filter(({ type }) => WAITING.test(type));
  }

  /** Those that stay without an answer where the conversation goes on with `item`. */
  abandonedBy(item: Item): OpenCall[] {
    return !isOutput(item) && (this.answered || isFromOutside(item)) ? this.waiting : [];
  }

  /** Goes on with `item`. Returns the call that it answers. */
  take(item: Item, place = 0): OpenCall | undefined {
    const call_id = callIdOf(item);
    if (isOutput(item)) return call_id === undefined ? undefined : this.answer(call_id);
    for (const call of this.abandonedBy(item)) this.calls.splice(this.calls.indexOf(call), 1);
    this.answered = false;
    if (call_id === undefined) return undefined;
    this.calls.push({ type: item.type, call_id, distinct: this.distinct(call_id), place });
    return undefined;
  }

  private answer(call_id: string): OpenCall | undefined {
    const at = this.calls.findIndex((call) => call.call_id === call_id);
    if (at === -1) return undefined;
    const [call] = this.calls.splice(at, 1);
    if (WAITING.test(call!.type)) this.answered = true;
    return call;
  }

  private distinct(id: string): string {
    const isTaken = (name: string) => this.calls.some(({ distinct }) => distinct === name);
    let name = id;
    for (let count = 2; isTaken(name); count++) name = `${id}_${count}`;
    return name;
  }
}
