import { Fault } from '../core/errors.ts';
import type { Item } from '../core/items.ts';
import { callIdOf, isAnswer, type OpenCall, OpenCalls } from '../core/pairs.ts';
import type { BranchTurn } from '../core/turn.ts';

/**
 * Invariant: what is on a branch can be said to every provider, whoever broke off what. Every call that
 * waits for its caller has exactly one output, before the conversation moves on, and every thought leads
 * to something or is marked as cut short. What a caller leaves out is recorded in its place, so that no
 * abort leaves a session that is refused from then on, and everybody who reads it sees what was done.
 * `context/assemble.ts` sees to the same for what deletions and limits part later.
 */

/**
 * What a turn adds to `branch`, the end of one, made whole; `input` itself where nothing is amiss.
 *
 * - A call that nobody answers is closed by a synthetic output.
 * - An output behind the message that moves the conversation on comes before it.
 * - An output that was given already, word for word, is left out.
 * - One that comes after its call was closed follows the call again.
 * - A thought that leads to nothing is marked `incomplete`.
 *
 * With `answering`, a model will be asked next and nothing may stay open; without, the caller is still
 * appending. An output that belongs to no call, or another one than was given, is the caller's mistake:
 * `tool_output_without_call`.
 */
export function mend(branch: readonly BranchTurn[], input: Item[], answering: boolean): Item[] {
  const calls = new OpenCalls();
  for (const item of sinceAsked(branch)) calls.take(item, BEFORE);
  const mended: Item[] = [];
  const moved = new Set<number>();
  const add = (item: Item) => {
    mended.push(item);
    return calls.take(item);
  };
  const close = (open: readonly OpenCall[], from: number) => {
    for (const call of open) {
      const at = answerIn(input, call, from, moved);
      if (at !== -1) moved.add(at);
      add(input[at] ?? closing(call));
    }
  };
  let earlier: Earlier | undefined;
  input.forEach((item, index) => {
    if (moved.has(index)) return;
    close(abandonedBy(item, calls), index);
    if (isAnswer(item) && !calls.waiting.some(({ call_id }) => call_id === callIdOf(item))) {
      earlier ??= earlierOn(branch);
      if ([...earlier.outputs, ...mended].some((given) => saysTheSame(given, item))) return;
      const call = takeCall(earlier.unanswered, item) ?? refuse(item, index);
      close(calls.waiting, index);
      add(call);
    }
    add(leadsOn(input, index, answering) ? item : ({ ...item, status: 'incomplete' } as Item));
  });
  if (answering) close(calls.waiting, input.length);
  return mended.length === input.length && mended.every((item, at) => item === input[at]) ? input : mended;
}

/** The place of calls that were made before. */
const BEFORE = -1;

/** A message of the model may be part of the answer that makes the calls, but not where it is added later. */
function abandonedBy(item: Item, calls: OpenCalls): OpenCall[] {
  const abandoned = calls.abandonedBy(item);
  if (abandoned.length > 0 || item.type !== 'message') return abandoned;
  return calls.waiting.filter(({ place }) => place === BEFORE);
}

/**
 * What calls can still be open in: the last turn that asked a model, and what was added to it since.
 * Deleted items too: whoever brings an output for a deleted call may not know, and it is left out with it.
 */
function sinceAsked(branch: readonly BranchTurn[]): Item[] {
  const asked = branch.findLastIndex(({ turn }) => turn.model !== undefined);
  return branch.slice(Math.max(0, asked)).flatMap(({ turn }) => [...turn.input, ...turn.output]);
}

/** Where the input answers `call` from `from` on; -1 where it does not, or makes another call of that id first. */
function answerIn(
  input: readonly Item[],
  { call_id }: OpenCall,
  from: number,
  moved: ReadonlySet<number>,
): number {
  const at = input.findIndex(
    (item, index) => index >= from && !moved.has(index) && callIdOf(item) === call_id,
  );
  return at !== -1 && isAnswer(input[at]!) ? at : -1;
}

/** What matters of a branch to an output that no open call waits for. */
interface Earlier {
  /** A client that got no reply, or half of one, sends them again with whatever it says next. */
  outputs: Item[];
  /**
   * Calls whose output came too late for them, for nobody but a client knows how long a tool takes, or was
   * deleted; without those that have been made again since.
   */
  unanswered: Item[];
}

function earlierOn(branch: readonly BranchTurn[]): Earlier {
  const items = branch.flatMap(({ turn, hidden }) => {
    const input = turn.input.filter((item, index) => !isAnswer(item) || !hidden.includes(`i${index}`));
    return [...input, ...turn.output].map(bare);
  });
  const calls = new OpenCalls();
  const unanswered = new Set<Item>();
  items.forEach((item, place) => {
    const answered = calls.take(item, place);
    if (answered && !isClosing(item)) unanswered.delete(items[answered.place]!);
    if (callIdOf(item) === undefined || isAnswer(item)) return;
    for (const before of unanswered) if (Bun.deepEquals(before, item)) unanswered.delete(before);
    unanswered.add(item);
  });
  return { outputs: items.filter(isAnswer), unanswered: [...unanswered] };
}

/** An item without what makes it another one each time it comes. */
function bare(item: Item): Item {
  const { id: _, status: __, ...rest } = item as Item & { id?: string; status?: string };
  return rest as Item;
}

/** Removes the call that an output may follow. */
function takeCall(unanswered: Item[], output: Item): Item | undefined {
  const at = unanswered.findIndex((call) => callIdOf(call) === callIdOf(output));
  return at === -1 ? undefined : unanswered.splice(at, 1)[0];
}

function saysTheSame(given: Item, item: Item): boolean {
  const { output: before } = given as { output?: unknown };
  const { output } = item as { output?: unknown };
  return isAnswer(given) && callIdOf(given) === callIdOf(item) && Bun.deepEquals(before, output);
}

/** Thoughts lead to what the model says or does next; what is still being appended may come. */
function leadsOn(input: readonly Item[], index: number, answering: boolean): boolean {
  if (input[index]!.type !== 'reasoning') return true;
  const next = input.slice(index + 1).find(({ type }) => type !== 'reasoning');
  if (!next) return !answering;
  return next.type === 'message' ? next.role === 'assistant' : !isAnswer(next);
}

function refuse(item: Item, index: number): never {
  const message = `No open call has the id "${callIdOf(item)}".`;
  throw new Fault('tool_output_without_call', message, { param: `input[${index}].call_id` });
}

const UNANSWERED = 'No output: the call was never answered.';
/** Nothing to be seen: one transparent pixel. */
const NO_SCREEN =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/** Outputs that say that there is none, in the forms that the Responses API takes; for the rest, a text. */
const CLOSINGS: Record<string, Record<string, unknown>> = {
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
};

function closing({ type, call_id }: Pick<OpenCall, 'type' | 'call_id'>): Item {
  return {
    type: `${type}_output`,
    call_id,
    ...(CLOSINGS[type] ?? { output: UNANSWERED }),
  } as unknown as Item;
}

/** Whether it is an output that this module wrote: no part of what callers know of their session. */
export function isClosing(item: Item): boolean {
  const call_id = callIdOf(item);
  if (call_id === undefined || !isAnswer(item)) return false;
  return Bun.deepEquals(bare(item), bare(closing({ type: item.type.slice(0, -'_output'.length), call_id })));
}
