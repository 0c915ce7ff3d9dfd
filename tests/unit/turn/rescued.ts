import type { Delta } from '../../../src/core/delta.ts';
import { type ErrorCode, Fault } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import type { Item } from '../../../src/core/items.ts';
import type { TurnPolicy } from '../../../src/core/turn.ts';
import type { Candidate } from '../../../src/routing/candidate.ts';
import type { Ask } from '../../../src/turn/ask.ts';
import { Joint } from '../../../src/turn/joint.ts';
import { type Rescue, rescueOf } from '../../../src/turn/rescue.ts';

/** A claw's words, in short. */
export const say = {
  message: (index: number): Delta => start(index, { type: 'message', role: 'assistant', content: [] }),
  thought: (index: number): Delta => start(index, { type: 'reasoning', summary: [] }),
  call: (index: number, call_id = `call_${index}`): Delta =>
    start(index, { type: 'function_call', call_id, name: 'look', arguments: '' }),
  text: (index: number, text: string, part = 0): Delta => ({ type: 'text-delta', index, part, text }),
  refusal: (index: number, text: string, part = 0): Delta => ({ type: 'refusal-delta', index, part, text }),
  thinks: (index: number, text: string): Delta => ({ type: 'reasoning-delta', index, part: 0, text }),
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
  stream?: boolean;
  whenBroken?: TurnPolicy['whenBroken'];
  settings?: Ask['settings'];
}

/** As much of a request as a rescue looks at. */
export const asked = ({ stream = true, whenBroken = 'restart', settings = {} }: Asked = {}): Ask =>
  ({ stream, settings, policy: { whenBroken } }) as Ask;

export const broken = (code: ErrorCode = 'stream_interrupted'): Fault => new Fault(code, 'It broke off.');

/** How an answer is rescued of which these deltas have come; fails where it is not. */
export function rescueFor(deltas: readonly Delta[], ask = asked()): Rescue {
  const rescue = rescueOf(foldAll(deltas), broken(), ask, [candidate('one'), candidate('two')]);
  if (!rescue) throw new Error('the answer is not rescued');
  return rescue;
}

/** All deltas of an answer that broke off and was gone on with in these bursts. */
export function rescued(
  first: readonly Delta[],
  bursts: readonly (readonly Delta[])[],
  { exact = false, ask = asked() } = {},
): Delta[] {
  const joint = new Joint(rescueFor(first, ask), foldAll(first).items.length, exact);
  const by = { provider: 'two', protocol: 'openai-chat', model: 'm' };
  return [...first, ...joint.opening(by), ...bursts.flatMap((burst) => joint.join(burst))];
}

/** Where deltas break what `Delta` promises of a whole answer. */
export function faultsOf(deltas: readonly Delta[]): string[] {
  const faults: string[] = [];
  const open = new Set<number>();
  let count = 0;
  for (const delta of deltas) {
    if (delta.type === 'attempt') for (const index of delta.discard ?? []) open.delete(index);
    if (!('index' in delta)) continue;
    const { type, index } = delta;
    if (type === 'item-start') {
      if (index !== count++) faults.push(`item ${index} begins where item ${count - 1} was next`);
      open.add(index);
    } else if (!open.has(index)) faults.push(`${type} of item ${index}, which is not open`);
    else if (type === 'item-end') open.delete(index);
  }
  return [...faults, ...[...open].map((index) => `item ${index} stays open`)];
}

/** What an answer amounts to: `text`, `thought`, `call arguments`; parts are told apart by `|`. */
export const saidBy = (deltas: readonly Delta[]): string[] =>
  foldAll(deltas).items.flatMap(({ item }) => lineOf(item));

function lineOf(item: Item): string {
  switch (item.type) {
    case 'message':
      return item.content
        .map((part) => ('text' in part ? part.text : `refusal: ${(part as { refusal: string }).refusal}`))
        .join('|');
    case 'reasoning':
      return `thought: ${item.content?.map(({ text }) => text).join('|') ?? ''}`;
    case 'function_call':
      return `${item.call_id} ${item.arguments}`;
    default:
      return item.type;
  }
}
