import type { TurnId } from '../../../src/core/ids.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Turn } from '../../../src/core/turn.ts';

/**
 * What is wrong with the log of a session, one line each: whenever a model was asked, every call on the branch
 * had its output, in the order in which a provider takes them, and every thought led to something or is marked
 * as cut. Deletions do not matter: the log is as it was written.
 */
export function flaws(turns: readonly Turn[]): string[] {
  const byId = new Map(turns.map((turn) => [turn.id, turn]));
  return turns
    .filter(({ model }) => model !== undefined)
    .flatMap((turn) => flawsBefore(turn, branchOf(byId, turn.id)));
}

function branchOf(turns: ReadonlyMap<TurnId, Turn>, tip: TurnId): Turn[] {
  const branch: Turn[] = [];
  for (let turn = turns.get(tip); turn; turn = turn.parent ? turns.get(turn.parent) : undefined)
    branch.push(turn);
  return branch.reverse();
}

function flawsBefore(asked: Turn, branch: readonly Turn[]): string[] {
  const open: string[] = [];
  const found: string[] = [];
  for (const turn of branch) {
    turn.input.forEach((item, index) => {
      take(item, open, found);
      if (item.type === 'reasoning' && item.status !== 'incomplete' && !leadsOn(turn, index))
        found.push('a thought leads to nothing');
    });
    if (turn.model !== undefined) found.push(...open.splice(0).map((call) => `${call} is open`));
    if (turn !== asked) for (const item of turn.output) take(item, open, found);
  }
  return found;
}

function take(item: Item, open: string[], found: string[]): void {
  if (item.type === 'function_call') open.push(item.call_id);
  else if (item.type === 'function_call_output') {
    const at = open.indexOf(item.call_id);
    if (at === -1) found.push(`${item.call_id} was not called`);
    else open.splice(at, 1);
  } else if (item.type === 'message' && item.role !== 'assistant') {
    found.push(...open.splice(0).map((call) => `${call} is passed over`));
  }
}

/** What is added to later may still come, unless a model is asked. */
function leadsOn({ model, input }: Turn, index: number): boolean {
  const next = input.slice(index + 1).find(({ type }) => type !== 'reasoning');
  if (!next) return model === undefined;
  return next.type === 'function_call' || (next.type === 'message' && next.role === 'assistant');
}
