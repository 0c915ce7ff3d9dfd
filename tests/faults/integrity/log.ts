import type { TurnId } from '../../../src/core/ids.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Turn } from '../../../src/core/turn.ts';

/**
 * The problems in the log of a session, as text. Whenever a model is asked, every whole call on the branch must have
 * its output, in an order that providers accept, and every thought must have an item after it or be marked as
 * incomplete. Deletions do not matter, because they do not change the log.
 */
export function logProblems(turns: readonly Turn[]): string[] {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  return turns
    .filter(({ kind }) => kind === 'ask')
    .flatMap((turn) => problemsBefore(turn, branchOf(byId, turn.id)));
}

function branchOf(turns: ReadonlyMap<TurnId, Turn>, tip: TurnId): Turn[] {
  const branch: Turn[] = [];
  for (let turn = turns.get(tip); turn; turn = turn.parent ? turns.get(turn.parent) : undefined)
    branch.push(turn);
  return branch.reverse();
}

interface Calls {
  /** Calls that wait for their output. */
  open: string[];
  /** Calls that were cut: they may have an output, and need none. */
  cut: string[];
}

function problemsBefore(asked: Turn, branch: readonly Turn[]): string[] {
  const calls: Calls = { open: [], cut: [] };
  const found: string[] = [];
  for (const turn of branch) {
    turn.input.forEach((item, index) => {
      take(item, calls, found);
      if (item.type === 'reasoning' && item.status !== 'incomplete' && !hasFollowingItem(turn, index))
        found.push('no item follows a thought');
    });
    if (turn.kind === 'ask') found.push(...calls.open.splice(0).map((call) => `${call} is open`));
    if (turn !== asked) for (const item of turn.output) take(item, calls, found);
  }
  return found;
}

function take(item: Item, { open, cut }: Calls, found: string[]): void {
  if (item.type === 'function_call') {
    if (item.status === 'incomplete') cut.push(item.call_id);
    else open.push(item.call_id);
  } else if (item.type === 'function_call_output') {
    const at = open.indexOf(item.call_id);
    if (at === -1 && cut.includes(item.call_id)) return;
    if (at === -1) found.push(`${item.call_id} was not called`);
    else open.splice(at, 1);
  } else if (item.type === 'message' && item.role !== 'assistant') {
    found.push(...open.splice(0).map((call) => `${call} has no output before the next message`));
  }
}

/** Whether an item follows the thought. If no model was asked, items may still be added later. */
function hasFollowingItem({ kind, input }: Turn, index: number): boolean {
  const next = input.slice(index + 1).find(({ type }) => type !== 'reasoning');
  if (!next) return kind === 'append';
  return next.type === 'function_call' || (next.type === 'message' && next.role === 'assistant');
}
