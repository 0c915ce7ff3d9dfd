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
const OUTPUT = /_output$/;

/** The calls among `items` that have no output among them. */
export function openCalls(items: readonly Item[]): Paired[] {
  const open = new Map<string, Paired>();
  for (const item of items) {
    const pair = paired(item);
    if (!pair) continue;
    if (CALL.test(pair.type)) open.set(pair.call_id, pair);
    else if (OUTPUT.test(pair.type)) open.delete(pair.call_id);
  }
  return [...open.values()];
}

/**
 * What a turn adds, made whole: a call of the turn before that got no output is closed by a recorded
 * synthetic one, so that no abort can leave a session that a provider refuses. An output that belongs
 * to no call is the caller's mistake: `tool_output_without_call`.
 */
export function mend(before: readonly Item[], input: readonly Item[]): Item[] {
  const waiting = new Map(openCalls(before).map((call) => [call.call_id, call]));
  const known = new Set(waiting.keys());
  input.forEach((item, index) => {
    const pair = paired(item);
    if (!pair) return;
    if (CALL.test(pair.type)) known.add(pair.call_id);
    else if (OUTPUT.test(pair.type)) {
      if (!known.delete(pair.call_id)) {
        throw new Fault('tool_output_without_call', `No open call has the id "${pair.call_id}".`, {
          param: `input[${index}].call_id`,
        });
      }
      waiting.delete(pair.call_id);
    }
  });
  return waiting.size === 0 ? [...input] : [...[...waiting.values()].map(closing), ...input];
}

function closing(call: Paired): Item {
  return {
    type: `${call.type}_output`,
    call_id: call.call_id,
    output: 'No output: the call was never answered.',
    status: 'incomplete',
  } as Item;
}
