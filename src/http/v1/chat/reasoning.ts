import type { Delta, DeltaOf } from '../../../core/delta.ts';
import { emptyFold, fold } from '../../../core/fold.ts';
import { itemId, parseItemId } from '../../../core/ids.ts';
import type { Item, Reasoning } from '../../../core/items.ts';
import { isObject } from '../../../core/json.ts';
import { isSeal, type Seal, thoughtOf } from '../../../core/seal.ts';
import type { AnsweredTurn, Asked } from '../../../core/turn.ts';

type Fields = Record<string, unknown>;
type TextOf = DeltaOf<'reasoning-delta' | 'summary-delta'>;

/**
 * Reasoning of a choice as chat shows it: `reasoning_content` is its text, and `reasoning_details` has the form of
 * OpenRouter (https://openrouter.ai/docs/guides/best-practices/reasoning-tokens): entries of the types
 * `reasoning.text`, `reasoning.summary` and `reasoning.encrypted`. A whole answer and a stream are written here, so
 * that both follow one rule:
 *
 * - Each further part of an item begins on a new line of `reasoning_content`.
 * - What a provider needs again is sealed in an encrypted entry. A message has its calls in a list of their own, so
 *   the entry says where the reasoning belongs: its `id` is that of the call that it precedes. Without one, the
 *   reasoning comes first, and the `id` is that of its item.
 * - `format` is `unknown`: only the gateway can read a seal.
 */
class ChoiceReasoning {
  /** The part that the last delta belonged to, as `index type part`. */
  private part: string | undefined;
  private entries = -1;
  private waiting: { id: string; data: string }[] = [];

  text({ index, type, part, text }: TextOf, id: string | null): Fields {
    const name = `${index} ${type} ${part}`;
    const isNext = name !== this.part;
    const line = isNext && this.part?.startsWith(`${index} `) ? '\n' : '';
    if (isNext) this.entries++;
    this.part = name;
    const shown =
      type === 'summary-delta'
        ? { type: 'reasoning.summary', summary: text }
        : { type: 'reasoning.text', text };
    return { reasoning_content: line + text, reasoning_details: [this.entry(shown, id)] };
  }

  /** Sealed reasoning is held back until the next item starts, because the entry names that item. */
  wait(id: string, data: string): void {
    this.waiting.push({ id, data });
  }

  /**
   * The entries that were held back. Called before an item that is not reasoning, and at the end of the choice.
   */
  before(item?: Item): Fields | undefined {
    if (this.waiting.length === 0) return undefined;
    const call = item && 'call_id' in item && typeof item.call_id === 'string' ? item.call_id : undefined;
    const reasoning_details = this.waiting.map(({ id, data }) => {
      this.entries++;
      return this.entry({ type: 'reasoning.encrypted', data }, call ?? id);
    });
    this.waiting = [];
    return { reasoning_details };
  }

  forgetWaiting(): void {
    this.waiting = [];
  }

  private entry(shown: Fields, id: string | null): Fields {
    return { ...shown, id, format: 'unknown', index: this.entries };
  }
}

/** Writes the reasoning of an answer from its deltas: the fields of a chat message or of its deltas. */
export class ChatReasoning {
  /** Only the deltas of reasoning items are folded. */
  private readonly folded = emptyFold();
  private readonly choices = new Map<number, ChoiceReasoning>();

  constructor(
    private readonly asked: Pick<Asked, 'id' | 'tenant'>,
    private readonly seal: Seal,
  ) {}

  /** The fields that a delta adds to the message of its choice. */
  push(delta: Delta): Fields | undefined {
    switch (delta.type) {
      case 'attempt':
        this.attempt(delta);
        return undefined;
      case 'item-start':
        if (delta.item.type !== 'reasoning') return this.choices.get(delta.choice ?? 0)?.before(delta.item);
        fold(this.folded, delta);
        return undefined;
      case 'reasoning-delta':
      case 'summary-delta':
        fold(this.folded, delta);
        return delta.text === '' ? undefined : this.choiceOf(delta.index).text(delta, this.idOf(delta.index));
      case 'item-end':
        if (this.folded.items[delta.index]) this.itemEnd(delta);
        return undefined;
      default:
        return undefined;
    }
  }

  /** The fields that are still missing at the end of a choice. */
  end(choice: number): Fields | undefined {
    return this.choices.get(choice)?.before();
  }

  /**
   * A rescue may call another provider. Reasoning of the earlier provider is then not sealed, because it is no
   * part of the new provider's answer.
   */
  private attempt(delta: DeltaOf<'attempt'>): void {
    const { by } = this.folded;
    fold(this.folded, delta);
    if (by && (by.provider !== delta.provider || by.protocol !== delta.protocol))
      for (const choice of this.choices.values()) choice.forgetWaiting();
  }

  /** Natives of further choices are not kept. */
  private itemEnd(delta: DeltaOf<'item-end'>): void {
    fold(this.folded, delta);
    const { item, native, choice } = this.folded.items[delta.index]!;
    const { by } = this.folded;
    if (!by || choice !== 0) return;
    const data = this.seal(thoughtOf(item as Reasoning, native, by), this.asked.tenant);
    this.choiceOf(delta.index).wait(this.idOf(delta.index)!, data);
  }

  private choiceOf(index: number): ChoiceReasoning {
    const { choice } = this.folded.items[index]!;
    const known = this.choices.get(choice) ?? new ChoiceReasoning();
    this.choices.set(choice, known);
    return known;
  }

  private idOf(index: number): string | null {
    const { choice } = this.folded.items[index]!;
    return choice === 0 ? itemId('reasoning', { turn: this.asked.id, side: 'o', index }) : null;
  }
}

/** The reasoning of one choice of a whole answer. */
export class AnswerReasoning {
  private readonly written: ChatReasoning;

  constructor(
    private readonly turn: Pick<AnsweredTurn, 'id' | 'tenant' | 'answeredBy' | 'outputNatives'>,
    private readonly choice: number,
    seal: Seal,
  ) {
    this.written = new ChatReasoning(turn, seal);
    const { provider, protocol } = turn.answeredBy ?? {};
    if (provider !== undefined && protocol !== undefined)
      this.written.push({ type: 'attempt', provider, protocol, model: '' });
  }

  /** The fields that an item adds to the message. `position` is its index among the items of the choice. */
  fieldsOf(item: Item, position: number): Fields[] {
    const { choice } = this;
    const index = parseItemId(item.id ?? '')?.index ?? position;
    if (item.type !== 'reasoning') return this.fields([{ type: 'item-start', index, item, choice }]);
    const native = this.turn.outputNatives?.[position];
    return this.fields([
      { type: 'item-start', index, item: { type: 'reasoning', summary: [] }, choice },
      ...item.summary.map(({ text }, part): Delta => ({ type: 'summary-delta', index, part, text })),
      ...(item.content ?? []).map(
        ({ text }, part): Delta => ({ type: 'reasoning-delta', index, part, text }),
      ),
      ...(item.status === 'incomplete' ? [] : [{ type: 'item-end' as const, index, item, native }]),
    ]);
  }

  end(): Fields[] {
    const fields = this.written.end(this.choice);
    return fields ? [fields] : [];
  }

  private fields(deltas: Delta[]): Fields[] {
    return deltas.map((delta) => this.written.push(delta)).filter((fields) => fields !== undefined);
  }
}

/** Adds the fields of a delta to a message. */
export function addFields(message: Fields, { reasoning_content, reasoning_details }: Fields): void {
  if (reasoning_content !== undefined)
    message.reasoning_content = `${message.reasoning_content ?? ''}${reasoning_content}`;
  message.reasoning_details = [
    ...((message.reasoning_details as unknown[]) ?? []),
    ...(reasoning_details as unknown[]),
  ];
}

/** Sealed reasoning of a message that a client sends back. */
export interface ReturnedReasoning {
  /**
   * By the id of the call that follows the reasoning. The empty id is for reasoning at the beginning of the
   * message.
   */
  thoughts: Map<string, Reasoning[]>;
  /** The other fields of the message. */
  rest: Fields;
}

/**
 * Takes the sealed reasoning out of an assistant message that has a list of `reasoning_details`. The readable
 * text of sealed reasoning is left out, because the seal holds it too, and the provider checks that it is
 * unchanged. Entries of other routers stay as they are.
 */
export function takeReasoning(message: Fields, callIds: ReadonlySet<unknown>): ReturnedReasoning {
  const thoughts = new Map<string, Reasoning[]>();
  const { reasoning_details: details, reasoning_content, reasoning, ...fields } = message;
  const foreign = (details as unknown[]).filter((detail: unknown) => {
    if (!isObject(detail)) return true;
    const id = typeof detail.id === 'string' ? detail.id : '';
    if (!isSeal(detail.data)) return !parseItemId(id);
    const at = callIds.has(id) ? id : '';
    const item = { type: 'reasoning', summary: [], encrypted_content: detail.data } as const;
    const thought: Reasoning = parseItemId(id) ? { ...item, summary: [], id } : { ...item, summary: [] };
    thoughts.set(at, [...(thoughts.get(at) ?? []), thought]);
    return false;
  });
  const texts = {
    ...(reasoning_content !== undefined && { reasoning_content }),
    ...(reasoning !== undefined && { reasoning }),
  };
  return {
    thoughts,
    rest: {
      ...fields,
      ...(thoughts.size === 0 && texts),
      ...(foreign.length > 0 && { reasoning_details: foreign }),
    },
  };
}
