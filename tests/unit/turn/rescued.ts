import type { Candidate } from '../../../src/core/candidate.ts';
import type { Delta } from '../../../src/core/delta.ts';
import type { ErrorCode } from '../../../src/core/error-catalogue.ts';
import { Fault } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import type { Item } from '../../../src/core/items.ts';
import type { TurnPolicy } from '../../../src/core/policy.ts';
import type { Ask, Delivery } from '../../../src/core/turn.ts';
import { type Rescue, rescueOf } from '../../../src/turn/answer/rescue.ts';
import { Splice } from '../../../src/turn/answer/splice.ts';

/** Makes the deltas of a claw. */
export const say = {
  message: (index: number): Delta => start(index, { type: 'message', role: 'assistant', content: [] }),
  reasoning: (index: number): Delta => start(index, { type: 'reasoning', summary: [] }),
  call: (index: number, call_id = `call_${index}`): Delta =>
    start(index, { type: 'function_call', call_id, name: 'look', arguments: '' }),
  text: (index: number, text: string, part = 0): Delta => ({ type: 'text-delta', index, part, text }),
  refusal: (index: number, text: string, part = 0): Delta => ({ type: 'refusal-delta', index, part, text }),
  reason: (index: number, text: string): Delta => ({ type: 'reasoning-delta', index, part: 0, text }),
  arguments: (index: number, text: string): Delta => ({ type: 'arguments-delta', index, text }),
  end: (index: number, item?: Item): Delta => ({ type: 'item-end', index, ...(item && { item }) }),
  finish: { type: 'finish', reason: { unified: 'stop', raw: 'stop' } } as Delta,
};

const start = (index: number, item: Item): Delta => ({ type: 'item-start', index, item });

export const candidate = (provider: string): Candidate => ({ provider, protocol: 'openai-chat', model: 'm' });

export const attempt = (provider = 'one'): Delta => ({
  type: 'attempt',
  provider,
  protocol: 'openai-chat',
  model: 'm',
});

interface Asked {
  delivery?: Delivery;
  whenBroken?: TurnPolicy['whenBroken'];
  settings?: Ask['settings'];
}

/** The fields of an ask that matter to a rescue. */
export const asked = ({ delivery = 'stream', whenBroken = 'restart', settings = {} }: Asked = {}): Ask =>
  ({ delivery, settings, policy: { whenBroken } }) as Ask;

export const broken = (code: ErrorCode = 'stream_interrupted'): Fault => new Fault(code, 'It broke off.');

/** The rescue of an answer that broke off after these deltas. Throws where it is not rescued. */
export function rescueFor(deltas: readonly Delta[], ask = asked()): Rescue {
  const rescue = rescueOf(foldAll(deltas), broken(), ask, [candidate('one'), candidate('two')]);
  if (!rescue) throw new Error('the answer is not rescued');
  return rescue;
}

/** All deltas of an answer that broke off after `first` and was continued with these bursts. */
export function rescued(
  first: readonly Delta[],
  bursts: readonly (readonly Delta[])[],
  { exact = false, ask = asked() } = {},
): Delta[] {
  const splice = new Splice(rescueFor(first, ask), foldAll(first).items.length, exact);
  const by = { provider: 'two', protocol: 'openai-chat', model: 'm' };
  return [...first, ...splice.opening(by), ...bursts.flatMap((burst) => splice.join(burst))];
}

/** The rules of `Delta` for a whole answer that these deltas break. */
export function faultsOf(deltas: readonly Delta[]): string[] {
  const faults: string[] = [];
  const open = new Set<number>();
  let count = 0;
  for (const delta of deltas) {
    if (delta.type === 'attempt') for (const index of delta.discard ?? []) open.delete(index);
    if (!('index' in delta)) continue;
    const { type, index } = delta;
    if (type === 'item-start') {
      if (index !== count++) faults.push(`item ${index} starts where item ${count - 1} was next`);
      open.add(index);
    } else if (!open.has(index)) faults.push(`${type} of item ${index}, which is not open`);
    else if (type === 'item-end') open.delete(index);
  }
  return [...faults, ...[...open].map((index) => `item ${index} stays open`)];
}

/** The items of an answer, a line for each: `text`, `reasoning: text`, `call_id arguments`. `|` separates parts. */
export const linesOf = (deltas: readonly Delta[]): string[] =>
  foldAll(deltas).items.flatMap(({ item }) => lineOf(item));

function lineOf(item: Item): string {
  switch (item.type) {
    case 'message':
      return item.content
        .map((part) => ('text' in part ? part.text : `refusal: ${(part as { refusal: string }).refusal}`))
        .join('|');
    case 'reasoning':
      return `reasoning: ${item.content?.map(({ text }) => text).join('|') ?? ''}`;
    case 'function_call':
      return `${item.call_id} ${item.arguments}`;
    default:
      return item.type;
  }
}
