import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
import {
  callIdOf,
  isClientCall,
  isClientOutput,
  isHalfCall,
  type OpenCall,
  OpenCalls,
} from '../core/tool-calls.ts';
import type { BranchTurn } from '../core/turn.ts';

/**
 * Invariant: every branch can be sent to every provider, also after a failure of the client, the provider or
 * the gateway. Each whole call whose output the client sends has exactly one output before the conversation moves
 * on. A call that was cut (`isHalfCall`) has at most one: providers do not see it without. Each reasoning item
 * is followed by a message or call of the model, or is marked `incomplete`. Outputs that a client leaves out
 * are recorded in the session, so that every reader sees what was added. `context/assemble.ts` ensures the same
 * where a deletion or a limit later separates items.
 */

/**
 * The input of a turn after `branch` (the end of a branch), with its tool pairs repaired. Returns `input`
 * itself where it needs no repair.
 *
 * - A whole call without an output gets a closing output, which says that there is none.
 * - An output after the message that moves the conversation on is moved before this message.
 * - An output that the branch already has, with the same content, is left out.
 * - An output that comes after its call was closed follows a copy of the call.
 * - A reasoning item that nothing follows is marked `incomplete`.
 *
 * With `answering`, a model is asked next, so no call may stay open. Without it, the client is adding items,
 * and more may follow. Throws `tool_output_without_call` for an output that belongs to no call, or that
 * differs from the one that its call has.
 */
export function repairToolPairs(branch: readonly BranchTurn[], input: Item[], answering: boolean): Item[] {
  const recent = sinceAnswer(branch);
  if (isPlain(recent, input)) return input;
  const calls = new OpenCalls();
  for (const { turn } of recent) {
    for (const item of turn.input) calls.add(item, ON_BRANCH);
    for (const item of turn.output) calls.add(item, ON_BRANCH);
  }
  const repaired: Item[] = [];
  const moved = new Set<number>();
  const isFollowed = followers(input, answering);
  let outputs: Outputs | undefined;
  const add = (item: Item) => {
    repaired.push(item);
    return calls.add(item);
  };
  const close = (open: readonly OpenCall[], from: number) => {
    for (const call of open) {
      outputs ??= new Outputs(input);
      const index = outputs.of(call, from, moved);
      if (index !== -1) moved.add(index);
      if (index === -1 && call.isHalf) calls.drop(call);
      else add(input[index] ?? closingOutput(call));
    }
  };
  let earlier: Earlier | undefined;
  input.forEach((item, index) => {
    if (moved.has(index)) return;
    close(abandonedBy(item, calls), index);
    if (isClientOutput(item) && !calls.isWaiting(callIdOf(item))) {
      earlier ??= earlierOn(branch);
      if ([...earlier.outputs, ...repaired].some((known) => isSameOutput(known, item))) return;
      const call = takeCall(earlier.unanswered, item) ?? refuse(item);
      close(calls.waiting, index);
      add(call);
    }
    add(isFollowed(index) ? item : ({ ...item, status: 'incomplete' } as Item));
  });
  if (answering) close(calls.waiting, input.length);
  const isUnchanged =
    repaired.length === input.length && repaired.every((item, index) => item === input[index]);
  return isUnchanged ? input : repaired;
}

/**
 * The items that a turn adds to a branch. The opening of the branch stays. `answering`: see `repairToolPairs`.
 */
export const added = (branch: BranchTurn[], items: Item[], answering: boolean) => ({
  branch,
  input: repairToolPairs(branch, items, answering),
  opening: branch.at(-1)?.turn.opening,
});

/** The index of all calls that are on the branch; calls of the input have another one. */
const ON_BRANCH = -1;

/**
 * The only turns in which calls can still be open: the last one that asked a model, and those after it.
 * Deleted items count too: a client may send an output for a call that was deleted. `context/assemble.ts`
 * then leaves the output out, as it does the call.
 */
function sinceAnswer(branch: readonly BranchTurn[]): readonly BranchTurn[] {
  const last = branch.findLastIndex(({ turn }) => turn.kind === 'ask');
  return branch.slice(Math.max(0, last));
}

/** Whether there is nothing to repair: the input has only messages, and no call can be open. */
function isPlain(recent: readonly BranchTurn[], input: readonly Item[]): boolean {
  const isMessage = ({ type }: Item) => type === 'message';
  const hasNoCalls = (items: readonly Item[]) =>
    items.every((item) => isMessage(item) || callIdOf(item) === undefined);
  return (
    input.every(isMessage) && recent.every(({ turn }) => hasNoCalls(turn.input) && hasNoCalls(turn.output))
  );
}

/** Calls to close before `item`. A message of the model may be between the calls of its answer, but not after them. */
function abandonedBy(item: Item, calls: OpenCalls): OpenCall[] {
  const abandoned = calls.abandonedBy(item);
  if (abandoned.length > 0 || item.type !== 'message') return abandoned;
  // The calls of the branch are the oldest.
  if (calls.oldest?.index !== ON_BRANCH) return [];
  return calls.waiting.filter(({ index }) => index === ON_BRANCH);
}

/** Finds the outputs of calls in an input, which is read once. */
class Outputs {
  /** The indexes of calls and outputs, by their ids, the last one first. */
  private readonly places = new Map<string, number[]>();

  constructor(private readonly input: readonly Item[]) {
    for (let index = input.length - 1; index >= 0; index--) {
      const id = callIdOf(input[index]!);
      if (id === undefined) continue;
      const places = this.places.get(id);
      if (places) places.push(index);
      else this.places.set(id, [index]);
    }
  }

  /**
   * The index of the call's output, at `from` or later, which only grows; -1 where none precedes a new call of its
   * id.
   */
  of({ call_id }: OpenCall, from: number, moved: ReadonlySet<number>): number {
    const places = this.places.get(call_id) ?? [];
    while (places.length > 0 && (places.at(-1)! < from || moved.has(places.at(-1)!))) places.pop();
    const found = places.at(-1);
    return found !== undefined && isClientOutput(this.input[found]!) ? found : -1;
  }
}

/** The parts of a branch that matter to an output for which no call is open. */
interface Earlier {
  /** A client that got no reply, or a part of one, sends the same outputs again with its next request. */
  outputs: Item[];
  /**
   * Calls that were closed before their output came, because only the client knows how long a tool runs, and
   * calls whose output was deleted. A call that the branch has several times is here once.
   */
  unanswered: Item[];
}

function earlierOn(branch: readonly BranchTurn[]): Earlier {
  const items = branch.flatMap(({ turn, hidden }) => {
    const input = turn.input.filter((item, index) => !isClientOutput(item) || !hidden.includes(`i${index}`));
    return [...input, ...turn.output].map(sentContent);
  });
  const calls = new OpenCalls();
  const unanswered = new Set<Item>();
  items.forEach((item, index) => {
    const answered = calls.add(item, index);
    if (answered && !isClosingOutput(item)) unanswered.delete(items[answered.index]!);
    if (callIdOf(item) === undefined || !isClientCall(item)) return;
    for (const before of unanswered) if (Bun.deepEquals(before, item)) unanswered.delete(before);
    unanswered.add(item);
  });
  return { outputs: items.filter(isClientOutput), unanswered: [...unanswered] };
}

/** An item without the fields that differ each time it is sent. The status of a half call belongs to its content. */
function sentContent(item: Item): Item {
  const { id: _, status, ...rest } = item as Item & { id?: string; status?: string };
  return (isHalfCall(item) ? { ...rest, status } : rest) as Item;
}

/** Removes the call of an output from `unanswered` and returns it. */
function takeCall(unanswered: Item[], output: Item): Item | undefined {
  const index = unanswered.findIndex((call) => callIdOf(call) === callIdOf(output));
  return index === -1 ? undefined : unanswered.splice(index, 1)[0];
}

function isSameOutput(known: Item, item: Item): boolean {
  const { output: before } = known as { output?: unknown };
  const { output } = item as { output?: unknown };
  return isClientOutput(known) && callIdOf(known) === callIdOf(item) && Bun.deepEquals(before, output);
}

/** Whether a reasoning item is followed by a message or call of the model, or may still be: more items may be added. */
function followers(input: readonly Item[], answering: boolean): (index: number) => boolean {
  /** The index of the first item after the last one asked for that is no reasoning. */
  let at = 0;
  return (index) => {
    if (input[index]!.type !== 'reasoning') return true;
    for (at = Math.max(at, index + 1); input[at]?.type === 'reasoning'; ) at++;
    const next = input[at];
    if (!next) return !answering;
    return next.type === 'message' ? next.role === 'assistant' : !isClientOutput(next);
  };
}

function refuse(item: Item): never {
  const message = `No open call has the id "${callIdOf(item) ?? ''}".`;
  throw new Fault('tool_output_without_call', message, { about: { content: item, field: 'call_id' } });
}

const UNANSWERED = 'No output: the call was never answered.';
/** One transparent pixel. */
const NO_SCREEN =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/** The fields of closing outputs, in the forms that the Responses API takes. Other kinds get the text alone. */
const CLOSING_FIELDS: Record<string, Record<string, unknown>> = {
  function_call: { output: UNANSWERED, status: 'incomplete' },
  computer_call: {
    output: { type: 'computer_screenshot', image_url: NO_SCREEN },
    status: 'incomplete',
  },
  shell_call: {
    output: [{ stdout: '', stderr: UNANSWERED, outcome: { type: 'exit', exit_code: 1 } }],
    status: 'incomplete',
  },
  apply_patch_call: { output: UNANSWERED, status: 'failed' },
  tool_search_call: { type: 'tool_search_output', execution: 'client', tools: [], status: 'incomplete' },
};

/** An output that says that the call has none. */
function closingOutput({ type, call_id }: Pick<OpenCall, 'type' | 'call_id'>): Item {
  return {
    type: `${type}_output`,
    call_id,
    ...(CLOSING_FIELDS[type] ?? { output: UNANSWERED }),
  } as unknown as Item;
}

/** Whether the gateway wrote this output to close a call. Clients do not know of these outputs. */
export function isClosingOutput(item: Item): boolean {
  const call_id = callIdOf(item);
  if (call_id === undefined || !isClientOutput(item)) return false;
  const type = item.type.replace(/(_call)?_output$/, '_call');
  return Bun.deepEquals(sentContent(item), sentContent(closingOutput({ type, call_id })));
}
