import type { Item, TurnDelta } from '../api/types.ts';

/** One piece of an answer, in the order in which it was generated. */
export type Block =
  | { kind: 'text' | 'thought' | 'refusal'; index: number; text: string; isVoid: boolean }
  | { kind: 'call'; index: number; name: string; text: string; isVoid: boolean }
  | { kind: 'item'; index: number; item: Item; isVoid: boolean }
  /** Another call goes on with the answer. */
  | { kind: 'seam'; model: string; cause: string };

const KINDS: Readonly<Record<string, 'text' | 'thought' | 'refusal'>> = {
  'text-delta': 'text',
  'refusal-delta': 'refusal',
  'reasoning-delta': 'thought',
  'summary-delta': 'thought',
};
/** Items whose content comes in deltas. */
const STREAMED = new Set(['message', 'reasoning', 'function_call', 'custom_tool_call']);

/** An answer as its deltas tell it, with the seams between the calls that made it. */
export class Answer {
  readonly blocks: Block[] = [];
  /** The model that answers now. */
  model: string | undefined;
  private readonly names = new Map<number, string>();

  take(delta: TurnDelta): void {
    const { type, index = -1, text = '' } = delta;
    const kind = KINDS[type];
    if (kind) this.append(kind, index, text);
    else if (type === 'arguments-delta') this.appendCall(index, text);
    else if (type === 'item-start') this.open(index, delta.item);
    else if (type === 'item-end') this.close(index, delta.item);
    else if (type === 'attempt') this.seam(delta);
  }

  private append(kind: 'text' | 'thought' | 'refusal', index: number, text: string): void {
    const last = this.blocks.at(-1);
    if (last?.kind === kind && last.index === index) last.text += text;
    else this.blocks.push({ kind, index, text, isVoid: false });
  }

  private appendCall(index: number, text: string): void {
    const call = this.blocks.findLast((block) => block.kind === 'call' && block.index === index);
    if (call?.kind === 'call') call.text += text;
    else this.blocks.push({ kind: 'call', index, name: this.names.get(index) ?? '', text, isVoid: false });
  }

  private open(index: number, item: Item | undefined): void {
    if (!item) return;
    if (typeof item.name === 'string') this.names.set(index, item.name);
    if (item.type.endsWith('_call') && STREAMED.has(item.type)) this.appendCall(index, '');
    else if (!STREAMED.has(item.type)) this.blocks.push({ kind: 'item', index, item, isVoid: false });
  }

  /** The end of an item of another kind may bring it whole. */
  private close(index: number, item: Item | undefined): void {
    if (!item || STREAMED.has(item.type)) return;
    const shown = this.blocks.find((block) => block.kind === 'item' && block.index === index);
    if (shown?.kind === 'item') shown.item = item;
    else this.blocks.push({ kind: 'item', index, item, isVoid: false });
  }

  private seam({ provider = '', model = '', cause, discard = [] }: TurnDelta): void {
    const name = `${provider}/${model}`;
    for (const block of this.blocks)
      if (block.kind !== 'seam' && discard.includes(block.index)) block.isVoid = true;
    if (this.model !== undefined) this.blocks.push({ kind: 'seam', model: name, cause: cause ?? 'rescue' });
    this.model = name;
  }
}
