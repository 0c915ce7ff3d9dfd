import type { Delta, DeltaOf } from '../../../core/delta.ts';
import type { Fault, TurnError } from '../../../core/errors.ts';
import { emptyFold, fold } from '../../../core/fold.ts';
import type { Item, Reasoning } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import type { Seal } from '../../../core/seal.ts';
import { isJsonObject, isServerRun } from '../../../core/tool-calls.ts';
import type { AnsweredTurn, Asked } from '../../../core/turn.ts';
import type { StreamWriter } from '../../dialect.ts';
import { passedOn } from '../fields.ts';
import {
  type AnsweredBy,
  type Block,
  citationOf,
  type Fields,
  imageBlocks,
  isOwn,
  isRedacted,
  ownBlock,
  PART_END,
  signatureOf,
  toolUse,
} from './blocks.ts';
import { messageError } from './envelope.ts';
import { attemptsOf, endingOf, head, NO_USAGE, usageOf } from './message.ts';

/** The item whose deltas are written now. */
interface OpenItem {
  index: number;
  /** As it started. */
  item: Item;
  /** The index of its open block. */
  block?: number;
  /** The part of the item that the open block shows. */
  part?: number;
  /** The arguments so far, of a call. */
  text: string;
}

type ItemDelta = Extract<Delta, { index: number }>;

/**
 * Whether another item may be written before the end of this one: more text of a message becomes another block, and
 * nothing can be added to whole arguments.
 */
const mayYield = ({ item, text }: OpenItem): boolean =>
  item.type === 'message' || (item.type === 'function_call' && isJsonObject(text));

/** Fields of the provider that are in the `delta` of the event that ends a message, and not beside it. */
const DELTA_FIELDS = new Set(['stop_sequence', 'stop_details', 'container']);

/**
 * Writes a turn as the events of a message (platform.claude.com, "Streaming Messages"). One block is open at a
 * time, because clients expect it: the deltas of an item that overlaps with another one wait until that one ends.
 */
export class MessageStream implements StreamWriter {
  sequence = 0;
  readonly keepAlive = 'event: ping\ndata: {"type": "ping"}\n\n';
  private hasBegun = false;
  private by: AnsweredBy | undefined;
  private model: string;
  private usage: Fields = NO_USAGE;
  private blocks = 0;
  private current: OpenItem | undefined;
  /** By item, the deltas that wait. Insertion order is the order of the items. */
  private readonly waiting = new Map<number, ItemDelta[]>();
  /** Messages that have not ended, and have no open block. */
  private readonly suspended = new Map<number, OpenItem>();
  /** Thoughts without a text, until another block follows: an answer must not end with one. */
  private readonly held: { index: number; signature: string }[] = [];
  /** By item, its blocks. */
  private readonly written = new Map<number, number[]>();
  /** Reasoning is folded, because its seal holds the whole item. */
  private readonly thoughts = emptyFold();

  constructor(
    private readonly asked: Asked,
    private readonly seal: Seal,
    /** The last event that the reader has; events up to it are left out. */
    private readonly after = -1,
  ) {
    this.model = asked.model;
  }

  /** The message begins with its first block, when more is known of it. */
  open(): string {
    return '';
  }

  delta(delta: Delta): string {
    switch (delta.type) {
      case 'attempt':
        return this.attempt(delta);
      case 'start':
        this.model = delta.model;
        return '';
      case 'usage':
        if (!this.hasBegun && delta.isFirst) this.usage = firstUsage(delta, this.by);
        return '';
      case 'extra':
      case 'finish':
      case 'progress':
        return '';
      default:
        return this.ofItem(delta);
    }
  }

  end(turn: AnsweredTurn): string {
    if (turn.error) return this.error(turn.error);
    const { stop_reason, ...ending } = endingOf(turn);
    const delta: Fields = { stop_reason, ...ending };
    const beside: Fields = {};
    for (const [field, value] of Object.entries(passedOn(turn, 'anthropic') ?? {})) {
      if (DELTA_FIELDS.has(field)) delta[field] = value;
      else beside[field] = value;
    }
    const usage = usageOf(turn);
    let text = this.hasBegun ? '' : this.begin();
    if (this.current) text += this.close(this.current);
    text += this.event('message_delta', { delta, usage, ...beside, ...attemptsOf(turn) });
    return text + this.event('message_stop', {});
  }

  fail(fault: Fault): string {
    return `event: error\ndata: ${JSON.stringify(messageError(fault))}\n\n`;
  }

  private error(failure: TurnError): string {
    const { type: _, ...error } = messageError(failure);
    return this.event('error', error);
  }

  /** The items that another call makes void are closed, and named by the indexes of their blocks. */
  private attempt({ provider, protocol, cause, discard = [] }: DeltaOf<'attempt'>): string {
    this.by = { provider, protocol };
    if (!this.hasBegun) this.usage = NO_USAGE;
    const voided = discard.flatMap((index) => this.written.get(index) ?? []);
    for (const index of discard) {
      this.waiting.delete(index);
      this.suspended.delete(index);
    }
    this.held.length = 0;
    let text = '';
    if (this.current && discard.includes(this.current.index)) {
      text += this.close(this.current);
      this.current = undefined;
      text += this.resume();
    }
    if (voided.length === 0) return text;
    const restart = { restart: { reason: cause, discard: voided } };
    return text + this.event('clawhold_restart', { clawhold: restart });
  }

  private ofItem(delta: ItemDelta): string {
    const { current: open } = this;
    if (open?.index === delta.index) return this.write(open, delta);
    const waiting = this.waiting.get(delta.index);
    if (waiting) {
      waiting.push(delta);
      return '';
    }
    const item = this.itemOf(delta);
    if (!item) return '';
    if (open && !mayYield(open)) {
      this.waiting.set(delta.index, [delta]);
      return '';
    }
    const closing = open ? this.suspend(open) : '';
    this.current = item;
    return closing + (delta.type === 'item-start' ? this.start(item, delta.native) : this.write(item, delta));
  }

  /** The item that a delta opens, or that it opens again. */
  private itemOf(delta: ItemDelta): OpenItem | undefined {
    const { index } = delta;
    if (delta.type === 'item-start') return delta.choice ? undefined : { index, item: delta.item, text: '' };
    const suspended = this.suspended.get(index);
    this.suspended.delete(index);
    return delta.type === 'item-end' ? undefined : suspended;
  }

  /** More text of a message becomes a block of its own. */
  private suspend(open: OpenItem): string {
    if (open.item.type === 'message') this.suspended.set(open.index, open);
    return this.close(open);
  }

  private write(open: OpenItem, delta: ItemDelta): string {
    switch (delta.type) {
      case 'text-delta':
        return this.text(open, delta);
      case 'annotation':
        return this.annotation(open, delta);
      case 'reasoning-delta':
      case 'summary-delta':
        return this.thought(open, delta);
      case 'arguments-delta':
        return this.argumentsDelta(open, delta.text);
      case 'item-end':
        return this.itemEnd(open, delta);
      default:
        return '';
    }
  }

  private start(open: OpenItem, native: unknown): string {
    const { index, item } = open;
    const begun = this.hasBegun ? '' : this.begin();
    switch (item.type) {
      case 'reasoning':
        fold(this.thoughts, { type: 'item-start', index, item });
        return begun + this.startThought(open, item);
      case 'function_call':
        if (isServerRun(item)) return begun;
        return begun + this.startBlock(open, { ...toolUse(item, this.ownFields(native)), input: {} });
      default:
        return begun;
    }
  }

  private ownFields(native: unknown): Fields {
    return isOwn(this.by) && isObject(native) ? native : {};
  }

  /** A thought of another API may have no text, and then be the last item: its block waits (`held`). */
  private startThought(open: OpenItem, item: Reasoning): string {
    if (!isOwn(this.by)) return '';
    if (!isRedacted(item, this.by)) return this.startBlock(open, NEW_THOUGHT);
    return this.startBlock(open, { type: 'redacted_thinking', data: item.encrypted_content });
  }

  private text(open: OpenItem, { part, text }: DeltaOf<'text-delta'>): string {
    const opening = this.enter(open, part);
    if (text === '') return opening;
    // By far the most frequent event: its text is joined, not built from an object.
    const json = `{"type":"content_block_delta","index":${open.block},"delta":{"type":"text_delta","text":${JSON.stringify(text)}}}`;
    return opening + this.numbered('content_block_delta', json);
  }

  private annotation(open: OpenItem, { part, annotation }: DeltaOf<'annotation'>): string {
    let text = this.enter(open, part);
    for (const citation of citationOf(annotation)) {
      text += this.blockDelta(open, { type: 'citations_delta', citation });
    }
    return text;
  }

  /** The text block of a part of a message. */
  private enter(open: OpenItem, part: number): string {
    if (open.block !== undefined && open.part === part) return '';
    const closing = open.block === undefined ? '' : this.close(open);
    open.part = part;
    return closing + this.startBlock(open, { type: 'text', text: '' });
  }

  private thought(open: OpenItem, delta: DeltaOf<'reasoning-delta' | 'summary-delta'>): string {
    fold(this.thoughts, delta);
    const { part } = delta;
    const isNext = open.part !== undefined && open.part !== part;
    const thinking = isNext ? PART_END + delta.text : delta.text;
    open.part = part;
    if (thinking === '') return '';
    const opening = open.block === undefined ? this.startBlock(open, NEW_THOUGHT) : '';
    return opening + this.blockDelta(open, { type: 'thinking_delta', thinking });
  }

  private argumentsDelta(open: OpenItem, text: string): string {
    if (open.block === undefined || text === '') return '';
    open.text += text;
    return this.blockDelta(open, { type: 'input_json_delta', partial_json: text });
  }

  private itemEnd(open: OpenItem, delta: DeltaOf<'item-end'>): string {
    let text = '';
    if (open.item.type === 'reasoning') text = this.endThought(open, delta);
    else if (open.item.type !== 'message' && open.item.type !== 'function_call') {
      text = this.whole(open, delta);
    }
    text += this.close(open);
    this.current = undefined;
    return text + this.resume();
  }

  private endThought(open: OpenItem, delta: DeltaOf<'item-end'>): string {
    fold(this.thoughts, delta);
    const { item, native } = this.thoughts.items[open.index]!;
    const { by, seal } = this;
    if (isRedacted(item as Reasoning, by)) return '';
    const signature = signatureOf(item as Reasoning, native, { by, seal, tenant: this.asked.tenant });
    if (signature === '') return '';
    if (open.block !== undefined) return this.blockDelta(open, { type: 'signature_delta', signature });
    this.held.push({ index: open.index, signature });
    return '';
  }

  /**
   * An item without deltas: it is whole when it ends. The input of a hosted tool, unless it began with it, and the
   * text of a compaction are deltas.
   */
  private whole(open: OpenItem, { item = open.item, native }: DeltaOf<'item-end'>): string {
    if (!isOwn(this.by))
      return imageBlocks(item)
        .map((block) => this.startBlock(open, block))
        .join('');
    const block = ownBlock(item as Item & Block, this.ownFields(native));
    const { input, content } = block;
    if (hasFields(input) && !hasFields((open.item as Block).input)) {
      const delta = { type: 'input_json_delta', partial_json: JSON.stringify(input) };
      return this.startBlock(open, { ...block, input: {} }) + this.blockDelta(open, delta);
    }
    if (block.type === 'compaction' && typeof content === 'string') {
      const delta = { type: 'compaction_delta', content };
      return this.startBlock(open, { ...block, content: null }) + this.blockDelta(open, delta);
    }
    return this.startBlock(open, block);
  }

  /** Writes what waited for the item that has ended. */
  private resume(): string {
    if (this.waiting.size === 0) return '';
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    let text = '';
    for (const deltas of waiting) for (const delta of deltas) text += this.ofItem(delta);
    return text;
  }

  private begin(): string {
    this.hasBegun = true;
    const { asked, model, usage } = this;
    const ending = { stop_reason: null, stop_sequence: null };
    return this.event('message_start', {
      message: { ...head(asked, model), content: [], ...ending, usage },
    });
  }

  private startBlock(open: OpenItem, content_block: Fields): string {
    const before = this.held.length > 0 ? this.writeHeld() : '';
    return before + this.newBlock(open, content_block);
  }

  private writeHeld(): string {
    let text = '';
    for (const { index, signature } of this.held.splice(0)) {
      const thought: OpenItem = { index, item: EMPTY_THOUGHT, text: '' };
      text += this.newBlock(thought, NEW_THOUGHT);
      text += this.blockDelta(thought, { type: 'signature_delta', signature });
      text += this.close(thought);
    }
    return text;
  }

  private newBlock(open: OpenItem, content_block: Fields): string {
    const index = this.blocks++;
    open.block = index;
    const known = this.written.get(open.index);
    if (known) known.push(index);
    else this.written.set(open.index, [index]);
    return this.event('content_block_start', { index, content_block });
  }

  private blockDelta({ block }: OpenItem, delta: Fields): string {
    return this.event('content_block_delta', { index: block, delta });
  }

  private close(open: OpenItem): string {
    const { block } = open;
    if (block === undefined) return '';
    open.block = undefined;
    return this.numbered('content_block_stop', `{"type":"content_block_stop","index":${block}}`);
  }

  private event(type: string, fields: Fields): string {
    return this.numbered(type, JSON.stringify({ type, ...fields }));
  }

  private numbered(type: string, json: string): string {
    const sequence = this.sequence++;
    return sequence > this.after ? `id: ${sequence}\nevent: ${type}\ndata: ${json}\n\n` : '';
  }
}

const NEW_THOUGHT: Fields = { type: 'thinking', thinking: '', signature: '' };
const EMPTY_THOUGHT: Reasoning = { type: 'reasoning', summary: [] };

const hasFields = (value: unknown): boolean => isObject(value) && Object.keys(value).length > 0;

/** What a provider of this API reports at the beginning of its answer. Others report at the end. */
const firstUsage = ({ usage }: DeltaOf<'usage'>, by: AnsweredBy | undefined): Fields =>
  isOwn(by) && isObject(usage.raw) ? usage.raw : NO_USAGE;
