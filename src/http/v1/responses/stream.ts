import type { Delta } from '../../../core/delta.ts';
import type { Fault } from '../../../core/errors.ts';
import { emptyFold, fold } from '../../../core/fold.ts';
import { itemId } from '../../../core/ids.ts';
import type { IdentifiedItem } from '../../../core/item-positions.ts';
import type { Item, Message, Reasoning } from '../../../core/items.ts';
import type { Seal } from '../../../core/seal.ts';
import { type AnsweredTurn, type Asked, isFetchable, isKept, type Session } from '../../../core/turn.ts';
import type { TurnView } from '../../../core/turn-view.ts';
import type { StreamWriter } from '../../dialect.ts';
import { errorObject } from '../../envelope.ts';
import { shownReasoning } from './reasoning.ts';
import { type ContentPart, outputItem, outputPart, response } from './response.ts';

type DeltaOf<Type extends Delta['type']> = Extract<Delta, { type: Type }>;

/** The announced part of an item, which must be closed before the item is. */
interface OpenPart {
  list: 'content' | 'summary';
  index: number;
}

/** Frames the JSON text of an event. */
export type EventFrame = (type: string, sequence: number, json: string) => string;

const serverSentEvent: EventFrame = (type, sequence, json) =>
  `id: ${sequence}\nevent: ${type}\ndata: ${json}\n\n`;

interface PartPosition {
  item_id: string;
  output_index: number;
  content_index: number;
}

/**
 * Writes a turn as Responses events. Sequence numbers begin at 0 and have no gaps; they depend on the
 * deltas alone, so a replay has the same ones.
 */
export class ResponseStream implements StreamWriter {
  sequence = 0;
  private readonly folded = emptyFold();
  private readonly ids: string[] = [];
  private readonly parts: (OpenPart | undefined)[] = [];

  private readonly asked: Asked;
  private readonly store: boolean;
  private readonly session: Session | undefined;

  constructor(
    { asked, retention, session }: Pick<TurnView, 'asked' | 'retention' | 'session'>,
    private readonly seal: Seal,
    /** The last event that the reader has; events up to it are left out. */
    private readonly after = -1,
    private readonly frame = serverSentEvent,
  ) {
    this.asked = asked;
    this.store = isFetchable(retention);
    this.session = isKept(retention) ? session : undefined;
  }

  /** A background response always is queued first, also where it waits for nothing. */
  open(): string {
    if (!this.asked.echo?.background) {
      return this.state('response.created', 'running') + this.state('response.in_progress', 'running');
    }
    return this.state('response.created', 'queued') + this.state('response.queued', 'queued');
  }

  delta(delta: Delta): string {
    if ('index' in delta && delta.type !== 'item-start' && this.ids[delta.index] === undefined) return '';
    if (delta.type === 'attempt') return this.attempt(delta);
    fold(this.folded, delta);
    switch (delta.type) {
      case 'item-start':
        return this.itemStart(delta);
      case 'text-delta':
        return this.text(delta);
      case 'refusal-delta':
        return this.refusal(delta);
      case 'annotation':
        return this.annotation(delta);
      case 'reasoning-delta':
        return this.reasoning(delta);
      case 'summary-delta':
        return this.summary(delta);
      case 'arguments-delta':
        return this.argumentsDelta(delta);
      case 'item-end':
        return this.itemEnd(delta.index);
      case 'progress':
        return this.event(delta.event, {
          ...delta.data,
          output_index: delta.index,
          item_id: this.ids[delta.index],
        });
      default:
        return '';
    }
  }

  end(turn: AnsweredTurn): string {
    const { store, session, seal } = this;
    const done = response({ turn, store, session, seal });
    const kind = turn.state === 'cancelled' ? 'response.incomplete' : `response.${turn.state}`;
    return this.event(kind, { response: done });
  }

  /** It has the number of the event before it: the turn may go on in another process, with the next number. */
  fail(fault: Fault): string {
    const error = errorObject(fault);
    const sequence_number = this.sequence - 1;
    return this.frame(
      'error',
      sequence_number,
      JSON.stringify({ error, ...error, type: 'error', sequence_number }),
    );
  }

  private event(type: string, fields: Record<string, unknown>): string {
    const sequence_number = this.sequence++;
    if (sequence_number <= this.after) return '';
    return this.frame(type, sequence_number, JSON.stringify({ type, ...fields, sequence_number }));
  }

  private state(type: string, state: 'queued' | 'running'): string {
    const turn = { ...this.asked, state };
    return this.event(type, { response: response({ turn, store: this.store, session: this.session }) });
  }

  /** The model that answers is named at the end. Items that a rescue makes void are named at once. */
  private attempt(delta: DeltaOf<'attempt'>): string {
    const { discard = [], cause } = delta;
    const isFirst = this.folded.by === undefined;
    let text = isFirst && this.asked.echo?.background ? this.state('response.in_progress', 'running') : '';
    const voided = discard.filter((index) => this.ids[index] !== undefined);
    for (const index of voided) if (!this.folded.items[index]!.done) text += this.abandon(index);
    if (voided.length > 0) {
      const discarded = voided.map((index) => ({ output_index: index, item_id: this.ids[index] }));
      text += this.event('clawhold:response.restarted', { reason: cause, discarded });
    }
    fold(this.folded, delta);
    return text;
  }

  /** Closes an item that stays incomplete. */
  private abandon(index: number): string {
    const item = this.shown(index);
    const closing = this.leave(index);
    const abandoned = outputItem({ ...item, id: this.ids[index]!, status: 'incomplete' } as IdentifiedItem);
    return closing + this.event('response.output_item.done', { output_index: index, item: abandoned });
  }

  /** A response shows only the first choice. */
  private itemStart({ index, item, choice }: DeltaOf<'item-start'>): string {
    if (choice) return '';
    const id = itemId(item.type, { turn: this.asked.id, side: 'o', index });
    this.ids[index] = id;
    const started = outputItem({ ...this.shown(index), id } as IdentifiedItem);
    const announced =
      'status' in started || STREAMED.has(item.type) ? { ...started, status: 'in_progress' } : started;
    return this.event('response.output_item.added', { output_index: index, item: announced });
  }

  private text(delta: DeltaOf<'text-delta'>): string {
    const opening = this.enter(
      delta.index,
      { list: 'content', index: delta.part },
      { type: 'output_text', text: '' },
    );
    const id = this.ids[delta.index];
    if (delta.logprobs) {
      return (
        opening +
        this.event('response.output_text.delta', {
          ...this.at(delta),
          delta: delta.text,
          logprobs: delta.logprobs,
        })
      );
    }
    // By far the most frequent event: its text is joined, not built from an object.
    const sequence = this.sequence++;
    if (sequence <= this.after) return opening;
    const json = `{"type":"response.output_text.delta","item_id":"${id}","output_index":${delta.index},"content_index":${delta.part},"delta":${JSON.stringify(delta.text)},"logprobs":[],"sequence_number":${sequence}}`;
    return opening + this.frame('response.output_text.delta', sequence, json);
  }

  private refusal(delta: DeltaOf<'refusal-delta'>): string {
    const opening = this.enter(
      delta.index,
      { list: 'content', index: delta.part },
      { type: 'refusal', refusal: '' },
    );
    return opening + this.event('response.refusal.delta', { ...this.at(delta), delta: delta.text });
  }

  private annotation(delta: DeltaOf<'annotation'>): string {
    const part = (this.folded.items[delta.index]!.item as Message).content[delta.part];
    const annotation_index = part?.type === 'output_text' ? part.annotations.length - 1 : 0;
    const { annotation } = delta;
    return this.event('response.output_text.annotation.added', {
      ...this.at(delta),
      annotation_index,
      annotation,
    });
  }

  private reasoning(delta: DeltaOf<'reasoning-delta'>): string {
    const opening = this.enter(
      delta.index,
      { list: 'content', index: delta.part },
      { type: 'reasoning_text', text: '' },
    );
    return opening + this.event('response.reasoning_text.delta', { ...this.at(delta), delta: delta.text });
  }

  private summary(delta: DeltaOf<'summary-delta'>): string {
    const opening = this.enter(
      delta.index,
      { list: 'summary', index: delta.part },
      { type: 'summary_text', text: '' },
    );
    const at = { item_id: this.ids[delta.index], output_index: delta.index, summary_index: delta.part };
    return opening + this.event('response.reasoning_summary_text.delta', { ...at, delta: delta.text });
  }

  private argumentsDelta({ index, text }: DeltaOf<'arguments-delta'>): string {
    const at = { item_id: this.ids[index], output_index: index, delta: text };
    return this.event(`response.${callEvent(this.folded.items[index]!.item)}.delta`, at);
  }

  private itemEnd(index: number): string {
    const item = this.shown(index);
    let text = this.leave(index);
    const at = { item_id: this.ids[index], output_index: index };
    if (item.type === 'function_call') {
      text += this.event('response.function_call_arguments.done', {
        ...at,
        name: item.name,
        arguments: item.arguments,
      });
    } else if ((item.type as string) === 'custom_tool_call') {
      text += this.event('response.custom_tool_call_input.done', {
        ...at,
        input: (item as unknown as { input: unknown }).input,
      });
    }
    const done = outputItem({ ...item, id: this.ids[index]! } as IdentifiedItem);
    return text + this.event('response.output_item.done', { output_index: index, item: done });
  }

  private shown(index: number): Item {
    return shownReasoning({ ...this.folded.items[index]!, by: this.folded.by }, this.asked, this.seal);
  }

  /** Announces a part when its first delta comes, after the part before it is closed. */
  private enter(index: number, part: OpenPart, empty: ContentPart): string {
    const current = this.parts[index];
    if (current?.list === part.list && current.index === part.index) return '';
    const closing = this.leave(index);
    this.parts[index] = part;
    return closing + this.partEvent('added', index, part, outputPart(empty));
  }

  private leave(index: number): string {
    const part = this.parts[index];
    if (!part) return '';
    this.parts[index] = undefined;
    const { item } = this.folded.items[index]!;
    const content = (item as Message & Reasoning)[part.list]?.[part.index];
    return content ? this.partDone(index, part, content) : '';
  }

  private partDone(index: number, part: OpenPart, content: ContentPart): string {
    // Two statements: sequence numbers are given in the order of the calls.
    const text = this.contentDone(this.at({ index, part: part.index }), content);
    return text + this.partEvent('done', index, part, outputPart(content));
  }

  private contentDone(at: PartPosition, content: ContentPart): string {
    const { text } = content;
    switch (content.type) {
      case 'output_text': {
        const { logprobs = [] } = content;
        return this.event('response.output_text.done', { ...at, text, logprobs });
      }
      case 'refusal':
        return this.event('response.refusal.done', { ...at, refusal: content.refusal });
      case 'reasoning_text':
        return this.event('response.reasoning_text.done', { ...at, text });
      default: {
        const { content_index: summary_index, ...rest } = at;
        return this.event('response.reasoning_summary_text.done', { ...rest, summary_index, text });
      }
    }
  }

  private partEvent(
    what: 'added' | 'done',
    index: number,
    { list, index: position }: OpenPart,
    part: unknown,
  ): string {
    const at = { item_id: this.ids[index], output_index: index };
    return list === 'content'
      ? this.event(`response.content_part.${what}`, { ...at, content_index: position, part })
      : this.event(`response.reasoning_summary_part.${what}`, { ...at, summary_index: position, part });
  }

  private at({ index, part }: { index: number; part: number }): PartPosition {
    return { item_id: this.ids[index]!, output_index: index, content_index: part };
  }
}

/** Kinds that grow by deltas: in progress from their announcement to their end. */
const STREAMED = new Set<string>(['message', 'function_call', 'reasoning', 'custom_tool_call']);

const callEvent = (item: Item): string =>
  item.type === 'function_call' ? 'function_call_arguments' : 'custom_tool_call_input';
