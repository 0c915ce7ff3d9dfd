import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';

/**
 * Invariant: in a session every call has exactly one output, later on the same branch. Kinds pair by
 * name: `function_call` with `function_call_output`, `custom_tool_call` with `custom_tool_call_output`.
 */

interface Paired {
  type: string;
  call_id: string;
}

function paired(item: Item): Paired | undefined {
  const { type, call_id } = item as { type: string; call_id?: unknown };
  return typeof call_id === 'string' ? { type, call_id } : undefined;
}

/** A hosted tool's call runs at the provider and may carry its own result: only these wait for the caller. */
const CALL = /^(function_call|custom_tool_call|computer_call|local_shell_call|shell_call|apply_patch_call)$/;

function callOf(item: Item): Paired | undefined {
  const pair = paired(item);
  return pair && CALL.test(pair.type) ? pair : undefined;
}

function outputOf(item: Item): Paired | undefined {
  const pair = paired(item);
  return pair?.type.endsWith('_output') ? pair : undefined;
}

/** The calls among `items` that have no output among them. */
function openCalls(items: readonly Item[]): Paired[] {
  const open = new Map<string, Paired>();
  for (const item of items) {
    const call = callOf(item);
    if (call) open.set(call.call_id, call);
    const output = outputOf(item);
    if (output) open.delete(output.call_id);
  }
  return [...open.values()];
}

/**
 * What a turn adds to a branch that ends in `before`, made whole. A call that is never answered is closed
 * by a recorded synthetic output before the conversation moves on, so that no abort can leave a session
 * that a provider refuses. With `answering`, a model will be asked next and nothing may stay open;
 * without, the caller is still appending. An output that belongs to no call is the caller's mistake:
 * `tool_output_without_call`.
 */
export function mend(before: readonly Item[], input: readonly Item[], answering: boolean): Item[] {
  const open = new Map(openCalls(before).map((call) => [call.call_id, call]));
  const answered = new Set(input.flatMap((item) => outputOf(item)?.call_id ?? []));
  const mended: Item[] = [];
  const closeUnanswered = () => {
    for (const call of [...open.values()]) {
      if (answered.has(call.call_id)) continue;
      mended.push(closing(call));
      open.delete(call.call_id);
    }
  };
  input.forEach((item, index) => {
    const output = outputOf(item);
    if (output && !open.delete(output.call_id)) {
      throw new Fault('tool_output_without_call', `No open call has the id "${output.call_id}".`, {
        param: `input[${index}].call_id`,
      });
    }
    if (item.type === 'message') closeUnanswered();
    mended.push(item);
    const call = callOf(item);
    if (call && open.has(call.call_id)) throw ambiguous(call, index);
    if (call) open.set(call.call_id, call);
  });
  if (answering) closeUnanswered();
  return mended;
}

/** An output could belong to either, and providers refuse both. */
function ambiguous({ call_id }: Paired, index: number): Fault {
  return new Fault('invalid_request', `Two open calls have the id "${call_id}".`, {
    param: `input[${index}].call_id`,
  });
}

function closing(call: Paired): Item {
  return {
    type: `${call.type}_output`,
    call_id: call.call_id,
    output: 'No output: the call was never answered.',
    status: 'incomplete',
  } as Item;
}
