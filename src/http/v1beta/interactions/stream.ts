import type { Delta, DeltaOf } from '../../../core/delta.ts';
import type { Fault } from '../../../core/errors.ts';
import { emptyFold, fold } from '../../../core/fold.ts';
import { generatedImageUrl, isGeneratedImage } from '../../../core/generated-images.ts';
import { interactionId } from '../../../core/ids.ts';
import type { Item, Reasoning } from '../../../core/items.ts';
import type { Seal } from '../../../core/seal.ts';
import { isServerRun } from '../../../core/tool-calls.ts';
import type { AnsweredTurn } from '../../../core/turn.ts';
import type { TurnView } from '../../../core/turn-view.ts';
import type { StreamWriter } from '../../dialect.ts';
import { endedFields, errorOf, idOf } from './interaction.ts';
import { annotationOf, callStep, type Fields, imageContent, signatureOf } from './step-views.ts';

/** Writes a turn as the events of an interaction (ai.google.dev/gemini-api/docs/interactions/streaming). */
export class InteractionStream implements StreamWriter {
  private by: { provider: string; protocol: string } | undefined;
  private model: string;
  private hasBegun = false;
  private steps = 0;
  /** The step of each item that is shown, by the index of the item. */
  private readonly stepOf = new Map<number, number>();
  /** The items whose steps have not stopped. */
  private readonly unstopped = new Set<number>();
  private readonly items = new Map<number, Item>();
  /** Folds thoughts alone: their seals are made of the whole item. */
  private readonly thoughts = emptyFold();
  sequence = 0;

  constructor(
    private readonly view: Pick<TurnView, 'asked' | 'retention'>,
    private readonly seal: Seal,
    /** The last event that the reader has. */
    private readonly after: number,
  ) {
    this.model = view.asked.model;
  }

  /** The first event names the model as its provider does, so it waits for the answer. */
  open(): string {
    return '';
  }

  delta(delta: Delta): string {
    switch (delta.type) {
      case 'attempt':
        return this.attempt(delta);
      case 'start':
        this.model = delta.model;
        return this.begin();
      case 'item-start':
        return delta.choice ? '' : this.itemStart(delta);
      case 'text-delta':
        return this.text(delta.index, delta.text);
      case 'refusal-delta':
        return this.stepDelta(delta.index, { text: delta.text, type: 'text' });
      case 'annotation':
        return this.annotation(delta);
      case 'reasoning-delta':
      case 'summary-delta':
        fold(this.thoughts, delta);
        return this.stepDelta(delta.index, {
          content: { text: delta.text, type: 'text' },
          type: 'thought_summary',
        });
      case 'arguments-delta':
        return this.stepDelta(delta.index, { arguments: delta.text, type: 'arguments_delta' });
      case 'item-end':
        return this.itemEnd(delta);
      default:
        // Usage and the finish are sent when the turn is recorded; the events cannot express the rest.
        return '';
    }
  }

  end(turn: AnsweredTurn): string {
    let text = this.begin();
    if (turn.error) text += this.event('error', { error: errorOf(turn.error) });
    text += this.event('interaction.completed', { interaction: endedFields(this.view.retention, turn) });
    return `${text}event: done\ndata: [DONE]\n\n`;
  }

  fail(fault: Fault): string {
    return `event: error\ndata: ${JSON.stringify({ error: errorOf(fault), event_type: 'error' })}\n\n`;
  }

  /** An interaction that is not stored has an empty id in its events. */
  private begin(): string {
    if (this.hasBegun) return '';
    this.hasBegun = true;
    const { retention, asked } = this.view;
    const { id = '' } = idOf(retention, asked);
    const status = 'in_progress';
    return (
      this.event('interaction.created', {
        interaction: { id, status, object: 'interaction', model: this.model },
      }) + this.event('interaction.status_update', { interaction_id: id, status })
    );
  }

  /** The API has no event that makes steps void: a status says which ones, after all of them have stopped. */
  private attempt({ provider, protocol, cause, discard = [] }: DeltaOf<'attempt'>): string {
    this.by = { provider, protocol };
    const voided = discard.flatMap((index) => this.stepOf.get(index) ?? []);
    if (voided.length === 0) return '';
    const stops = discard.map((index) => (this.unstopped.has(index) ? this.stop(index) : '')).join('');
    const restart = { reason: cause, discard: voided };
    const interaction_id = interactionId(this.view.asked.id);
    const update = this.event('interaction.status_update', {
      interaction_id,
      status: 'in_progress',
      clawhold: { restart },
    });
    return stops + update;
  }

  private itemStart({ index, item }: DeltaOf<'item-start'>): string {
    this.items.set(index, item);
    switch (item.type) {
      case 'message':
        return this.start(index, { type: 'model_output' });
      case 'reasoning':
        fold(this.thoughts, { type: 'item-start', index, item });
        return this.start(index, { type: 'thought' });
      case 'function_call':
        return isServerRun(item) ? '' : this.start(index, { ...callStep(item), arguments: {} });
      default:
        return '';
    }
  }

  /** By far the most frequent event: its text is joined, not built from an object. */
  private text(index: number, text: string): string {
    const step = this.stepOf.get(index);
    if (step === undefined || text === '') return '';
    return this.numbered(
      'step.delta',
      `{"index":${step},"delta":{"text":${JSON.stringify(text)},"type":"text"}`,
    );
  }

  private annotation({ index, annotation }: DeltaOf<'annotation'>): string {
    const annotations = annotationOf(annotation);
    return annotations.length > 0
      ? this.stepDelta(index, { annotations, type: 'text_annotation_delta' })
      : '';
  }

  private itemEnd(delta: DeltaOf<'item-end'>): string {
    const { index } = delta;
    const item = delta.item ?? this.items.get(index);
    if (item?.type === 'reasoning') return this.signature(delta) + this.stop(index);
    if (item && isGeneratedImage(item)) return this.image(index, generatedImageUrl(item));
    return this.stop(index);
  }

  private signature(delta: DeltaOf<'item-end'>): string {
    fold(this.thoughts, delta);
    const { item, native } = this.thoughts.items[delta.index]!;
    const { by, seal } = this;
    const signature = signatureOf(item as Reasoning, native, { by, seal, tenant: this.view.asked.tenant });
    return signature ? this.stepDelta(delta.index, { signature, type: 'thought_signature' }) : '';
  }

  /** An image is sent when it is whole. */
  private image(index: number, url: string | undefined): string {
    const content = imageContent(url);
    return content
      ? this.start(index, { type: 'model_output' }) + this.stepDelta(index, content) + this.stop(index)
      : '';
  }

  private start(index: number, step: Fields): string {
    const number = this.steps++;
    this.stepOf.set(index, number);
    this.unstopped.add(index);
    return this.event('step.start', { index: number, step });
  }

  private stepDelta(index: number, delta: Fields): string {
    const step = this.stepOf.get(index);
    return step === undefined ? '' : this.event('step.delta', { index: step, delta });
  }

  private stop(index: number): string {
    const step = this.stepOf.get(index);
    this.unstopped.delete(index);
    return step === undefined ? '' : this.event('step.stop', { index: step });
  }

  private event(type: string, fields: Fields): string {
    return this.numbered(type, JSON.stringify(fields).slice(0, -1));
  }

  /** `json` is an object without its end. `event_id` names the event to a reader that resumes the stream. */
  private numbered(type: string, json: string): string {
    const sequence = this.sequence++;
    if (sequence <= this.after) return '';
    return `id: ${sequence}\nevent: ${type}\ndata: ${json},"event_id":"${sequence}","event_type":"${type}"}\n\n`;
  }
}
