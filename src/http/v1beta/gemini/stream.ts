import type { Delta, DeltaOf } from '../../../core/delta.ts';
import type { Fault } from '../../../core/errors.ts';
import { emptyFold, fold } from '../../../core/fold.ts';
import { responseId } from '../../../core/ids.ts';
import { type Item, isCustomCall, type OtherItem, type Reasoning } from '../../../core/items.ts';
import type { Seal } from '../../../core/seal.ts';
import { isHalfCall } from '../../../core/tool-calls.ts';
import type { AnsweredTurn, Asked } from '../../../core/turn.ts';
import type { StreamWriter } from '../../dialect.ts';
import { closingFields, isOwn, PendingSeals, partOf } from './answer-parts.ts';
import { errorObject } from './error.ts';
import { logprobsResult } from './logprobs.ts';
import type { GeminiEcho } from './parse.ts';
import { endOf, envelopeOf } from './response.ts';

interface OpenItem {
  choice: number;
  /** What is shown only when the item has ended: calls, images and parts without a canonical form. */
  whole?: Item;
  isText?: true;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Writes a turn as chunks of `GenerateContentResponse`: server-sent events, or the elements of a JSON array. A call
 * is sent when it is whole, as Google's API does.
 */
export class GeminiStream implements StreamWriter {
  readonly mediaType: string | undefined;
  readonly keepAlive: string | undefined;
  sequence = 0;
  private readonly isArray: boolean;
  private readonly items: OpenItem[] = [];
  /** Only the deltas of reasoning items are folded. */
  private readonly thoughts = emptyFold();
  private readonly pending: PendingSeals;
  private attempt: DeltaOf<'attempt'> | undefined;
  /** The end of each chunk. It names the model as it was asked for until the provider has named it. */
  private tail: string;
  private written = 0;

  constructor(
    private readonly asked: Asked,
    seal: Seal,
    /** The last event that the reader has; events up to it are left out. */
    private readonly after: number,
    private readonly hasIds = (asked.echo as GeminiEcho | undefined)?.ids === true,
  ) {
    this.isArray = (asked.echo as GeminiEcho | undefined)?.array === true;
    if (this.isArray) {
      this.mediaType = JSON_TYPE;
      this.keepAlive = '\n';
    }
    this.pending = new PendingSeals(seal, asked.tenant);
    this.tail = this.tailFor(asked.model);
  }

  open(): string {
    return '';
  }

  delta(delta: Delta): string {
    switch (delta.type) {
      case 'attempt':
        return this.begin(delta);
      case 'start':
        this.tail = this.tailFor(delta.model);
        return '';
      case 'item-start':
        this.itemStart(delta);
        return '';
      case 'text-delta':
        return this.text(delta);
      case 'reasoning-delta':
      case 'summary-delta':
        fold(this.thoughts, delta);
        return this.chunk(
          this.items[delta.index]!.choice,
          `{"text":${JSON.stringify(delta.text)},"thought":true}`,
        );
      case 'arguments-delta': {
        const { whole } = this.items[delta.index]!;
        if (whole?.type === 'function_call') whole.arguments += delta.text;
        else if (whole && isCustomCall(whole)) (whole as OtherItem & { input: string }).input += delta.text;
        return '';
      }
      case 'item-end':
        return this.itemEnd(delta);
      default:
        // Refusals and citations come with the finish; chunks cannot express the rest.
        return '';
    }
  }

  end(turn: AnsweredTurn): string {
    if (turn.error) return this.event(JSON.stringify({ error: errorObject(turn.error) })) + this.closing();
    const choices = [turn.output, ...(turn.alternates ?? [])];
    const last = choices.length - 1;
    const { thoughtSignature } = this.pending.take();
    let text = '';
    choices.forEach((items, index) => {
      const signature = index === 0 && thoughtSignature !== undefined ? { thoughtSignature } : {};
      const content = { parts: [{ text: '', ...signature }], role: 'model' };
      const candidate = JSON.stringify({ content, ...endOf(turn, index, items) });
      const tail = index === last ? `,${JSON.stringify(envelopeOf(turn)).slice(1)}` : this.tail;
      text += this.event(`{"candidates":[${candidate}]${tail}`);
    });
    return text + this.closing();
  }

  fail(fault: Fault): string {
    return this.framed(JSON.stringify({ error: errorObject(fault) })) + this.closing();
  }

  /** Another call answers. If parts are void from now on, a client that adds chunks up must drop them. */
  private begin(delta: DeltaOf<'attempt'>): string {
    const { attempt } = this;
    this.attempt = delta;
    fold(this.thoughts, delta);
    if (attempt && (attempt.provider !== delta.provider || attempt.protocol !== delta.protocol))
      this.pending.forget();
    if (!delta.discard) return '';
    const voided = delta.discard.flatMap((index) => this.items[index] ?? []);
    const discard = {
      content: voided.some(({ isText }) => isText),
      functionCalls: voided.flatMap(({ whole }) => (whole?.type === 'function_call' ? [whole.call_id] : [])),
    };
    const restart = JSON.stringify({ reason: delta.cause, discard });
    return this.event(`{"clawhold":{"restart":${restart}}${this.tail}`);
  }

  private itemStart(delta: DeltaOf<'item-start'>): void {
    const { index, item, choice = 0 } = delta;
    if (item.type === 'reasoning') fold(this.thoughts, delta);
    const isText = item.type === 'message' || item.type === 'reasoning';
    this.items[index] = isText ? { choice, isText } : { choice, whole: { ...item } };
  }

  private text({ index, text, logprobs }: DeltaOf<'text-delta'>): string {
    const { choice } = this.items[index]!;
    const { thoughtSignature } = choice === 0 ? this.pending.take() : {};
    const signed = thoughtSignature === undefined ? '' : `,"thoughtSignature":"${thoughtSignature}"`;
    const beside = logprobs ? `,"logprobsResult":${JSON.stringify(logprobsResult(logprobs))}` : '';
    return this.chunk(choice, `{"text":${JSON.stringify(text)}${signed}}`, beside);
  }

  private itemEnd(delta: DeltaOf<'item-end'>): string {
    const { choice, whole } = this.items[delta.index]!;
    const own = isOwn(this.attempt);
    if (whole) return this.wholeItem(delta.item ?? whole, own ? delta.native : undefined, choice);
    const thought = this.thoughts.items[delta.index];
    if (thought) fold(this.thoughts, delta);
    if (own) {
      const fields = closingFields(delta.native);
      return fields
        ? this.chunk(choice, JSON.stringify({ text: '', ...(thought && { thought: true }), ...fields }))
        : '';
    }
    const { status } = (thought?.item ?? {}) as Reasoning;
    if (thought && this.attempt && choice === 0 && status !== 'incomplete')
      this.pending.add(thought.item as Reasoning, delta.native, this.attempt);
    return '';
  }

  private wholeItem(item: Item, native: unknown, choice: number): string {
    const part = isHalfCall(item) ? undefined : partOf(item, native);
    if (!part) return '';
    return this.chunk(choice, JSON.stringify({ ...part, ...(choice === 0 && this.pending.take()) }));
  }

  /** `part` is JSON text: chunks are many and small, so they are joined as text and not built as objects. */
  private chunk(choice: number, part: string, beside = ''): string {
    return this.event(
      `{"candidates":[{"content":{"parts":[${part}],"role":"model"}${beside},"index":${choice}}]${this.tail}`,
    );
  }

  private event(data: string): string {
    const sequence = this.sequence++;
    if (sequence <= this.after) return '';
    return this.hasIds ? `id: ${sequence}\n${this.framed(data)}` : this.framed(data);
  }

  private framed(data: string): string {
    if (!this.isArray) return `data: ${data}\n\n`;
    return `${this.written++ === 0 ? '[' : ',\n'}${data}`;
  }

  private closing(): string {
    if (!this.isArray) return '';
    return this.written === 0 ? '[]' : ']';
  }

  private tailFor(model: string): string {
    return `,"modelVersion":${JSON.stringify(model)},"responseId":"${responseId(this.asked.id)}"}`;
  }
}
