import type { Delta, DeltaOf } from '../../../core/delta.ts';
import type { Fault, TurnError } from '../../../core/errors.ts';
import { generatedImageUrl, isGeneratedImage } from '../../../core/generated-images.ts';
import { completionId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import type { Seal } from '../../../core/seal.ts';
import type { AnsweredTurn, Asked } from '../../../core/turn.ts';
import type { StreamWriter } from '../../dialect.ts';
import { errorObject } from '../../envelope.ts';
import { attemptsView, passedOn } from '../fields.ts';
import {
  choiceFields,
  type Fields,
  finishReason,
  imagePart,
  nested,
  streamedFields,
  toolCall,
  usageOf,
} from './completion.ts';
import { ChatReasoning } from './reasoning.ts';

interface OpenItem {
  choice: number;
  /** The index among the choice's tool calls; absent for other items. */
  tool?: number;
  custom?: boolean;
  /** An item that may be a generated image. Only its end says whether there is an image. */
  item?: Item;
  /** The index of the image that was sent. */
  image?: number;
  isMessage?: boolean;
}

export interface ChatStreamOptions {
  /** Whether the stream ends with its usage. Absent: the stored request decides. */
  includeUsage?: boolean;
  seal: Seal;
}

/** Writes a turn as chat completion chunks (OpenAI API description, `CreateChatCompletionStreamResponse`). */
export class ChatStream implements StreamWriter {
  /** The beginning of each chunk. It names the model as it was asked for until the provider has named it. */
  private head: string;
  private readonly items: OpenItem[] = [];
  private readonly tools: number[] = [];
  private readonly images: number[] = [];
  private readonly started = new Set<number>();
  /** Made when a reasoning item begins: most answers have none. */
  private reasoning: ChatReasoning | undefined;
  private readonly includeUsage: boolean;
  private readonly seal: Seal;
  private attempt: DeltaOf<'attempt'> | undefined;
  sequence = 0;

  constructor(
    private readonly asked: Asked,
    { includeUsage = asked.echo?.include_usage === true, seal }: ChatStreamOptions,
    /** The last event that the reader has; events up to it are left out. */
    private readonly after = -1,
  ) {
    this.includeUsage = includeUsage;
    this.seal = seal;
    this.head = this.envelope(asked.model);
  }

  open(): string {
    return '';
  }

  delta(delta: Delta): string {
    switch (delta.type) {
      case 'attempt':
        this.attempt = delta;
        this.reasoning?.push(delta);
        return delta.discard ? this.restart(delta) : '';
      case 'start':
        this.head = this.envelope(`${this.attempt?.provider}/${delta.model}`);
        return '';
      case 'item-start':
        return this.reasoningOf(delta, delta.choice) + this.itemStart(delta);
      case 'text-delta':
        return this.text(delta);
      case 'refusal-delta':
        return this.chunk(this.choiceOf(delta.index), `{"refusal":${JSON.stringify(delta.text)}}`);
      case 'reasoning-delta':
      case 'summary-delta':
        return this.reasoningOf(delta, this.choiceOf(delta.index));
      case 'item-end':
        return this.reasoningOf(delta, this.choiceOf(delta.index)) + this.itemEnd(delta);
      case 'annotation':
        return this.chunk(
          this.choiceOf(delta.index),
          `{"annotations":[${JSON.stringify(nested(delta.annotation))}]}`,
        );
      case 'arguments-delta':
        return this.argumentsDelta(delta.index, delta.text);
      default:
        // Usage and the finish are sent when the turn is recorded; chunks cannot express the rest.
        return '';
    }
  }

  end(turn: AnsweredTurn): string {
    if (turn.error) return this.error(turn.error);
    const reasons = turn.finish.length > 0 ? turn.finish : [undefined];
    let text = '';
    const passed = passedOn(turn, 'openai-chat');
    const fields = rest(streamedFields(turn));
    reasons.forEach((finish, choice) => {
      text += this.fieldsChunk(choice, this.reasoning?.end(choice));
      text += this.finish(choice, finishReason(finish), choiceFields(passed, choice), fields);
    });
    if (this.includeUsage && turn.usage) {
      const usage = JSON.stringify(usageOf(turn.usage, turn));
      text += this.event(`${this.head}[],"usage":${usage}${attemptsOf(turn)}}`);
    }
    return `${text}data: [DONE]\n\n`;
  }

  /** An error chunk as SDKs recognise it. No `[DONE]` follows: the stream has not ended in order. */
  fail(fault: Fault): string {
    return `data: ${JSON.stringify({ error: errorObject(fault) })}\n\n`;
  }

  private error(failure: TurnError): string {
    const { id } = this.asked;
    const error = errorObject(failure);
    const choices = [{ index: 0, delta: {}, finish_reason: 'error' }];
    return this.event(
      JSON.stringify({ id: completionId(id), object: 'chat.completion.chunk', error, choices }),
    );
  }

  /** Another call answers, and these parts are void: a client that adds chunks up must drop them. */
  private restart(attempt: Extract<Delta, { type: 'attempt' }>): string {
    const voided = attempt.discard!.flatMap((index) => this.items[index] ?? []);
    const tool_calls = voided.flatMap(({ tool }) => (tool === undefined ? [] : [tool]));
    const images = voided.flatMap(({ image }) => (image === undefined ? [] : [image]));
    const content = voided.some(({ isMessage }) => isMessage);
    const discard = { content, tool_calls, ...(images.length > 0 && { images }) };
    const restart = JSON.stringify({ reason: attempt.cause, discard });
    return this.event(`${this.head}[],"clawhold":{"restart":${restart}}}`);
  }

  private event(data: string): string {
    const sequence = this.sequence++;
    return sequence > this.after ? `id: ${sequence}\ndata: ${data}\n\n` : '';
  }

  private envelope(model: string): string {
    const { id, createdAt } = this.asked;
    const name = JSON.stringify(model);
    const created = Math.floor(createdAt / 1000);
    return `{"id":"${completionId(id)}","object":"chat.completion.chunk","created":${created},"model":${name},"choices":`;
  }

  /** `delta` is JSON text: chunks are many and small, so they are joined as text and not built as objects. */
  private chunk(choice: number, delta: string, logprobs = 'null'): string {
    const usage = this.includeUsage ? ',"usage":null' : '';
    const opening = this.opening(choice);
    return (
      opening +
      this.event(
        `${this.head}[{"index":${choice},"delta":${delta},"logprobs":${logprobs},"finish_reason":null}]${usage}}`,
      )
    );
  }

  /** The last chunk of a choice. It has the fields that pass through, which are known only now. */
  private finish(choice: number, reason: string, passed: Fields | undefined, envelope: string): string {
    const { index, message, delta, logprobs, finish_reason, ...fields } = passed ?? {};
    const usage = this.includeUsage ? ',"usage":null' : '';
    const own = `"index":${choice},"delta":${JSON.stringify(message ?? {})},"logprobs":null`;
    const ending = `"finish_reason":"${reason}"${rest(fields)}`;
    return this.opening(choice) + this.event(`${this.head}[{${own},${ending}}]${usage}${envelope}}`);
  }

  /** The first chunk of a choice names the role. */
  private opening(choice: number): string {
    if (this.started.has(choice)) return '';
    this.started.add(choice);
    return this.chunk(choice, '{"role":"assistant","content":"","refusal":null}');
  }

  private text(delta: Extract<Delta, { type: 'text-delta' }>): string {
    const logprobs = delta.logprobs && JSON.stringify({ content: delta.logprobs, refusal: null });
    return this.chunk(this.choiceOf(delta.index), `{"content":${JSON.stringify(delta.text)}}`, logprobs);
  }

  private reasoningOf(delta: Delta, choice = 0): string {
    if (delta.type === 'item-start' && delta.item.type === 'reasoning')
      this.reasoning ??= this.newReasoning();
    return this.fieldsChunk(choice, this.reasoning?.push(delta));
  }

  private newReasoning(): ChatReasoning {
    const reasoning = new ChatReasoning(this.asked, this.seal);
    if (this.attempt) reasoning.push(this.attempt);
    return reasoning;
  }

  private fieldsChunk(choice: number, fields: Fields | undefined): string {
    return fields ? this.chunk(choice, JSON.stringify(fields)) : '';
  }

  private itemStart(delta: Extract<Delta, { type: 'item-start' }>): string {
    const choice = delta.choice ?? 0;
    const call = toolCall(delta.item);
    if (!call) {
      const isMessage = delta.item.type === 'message';
      this.items[delta.index] = isGeneratedImage(delta.item)
        ? { choice, item: delta.item }
        : { choice, isMessage };
      return '';
    }
    const tool = this.tools[choice] ?? 0;
    this.tools[choice] = tool + 1;
    this.items[delta.index] = { choice, tool, custom: call.type === 'custom' };
    return this.chunk(choice, JSON.stringify({ tool_calls: [{ index: tool, ...call }] }));
  }

  /** An image is sent when it is whole. */
  private itemEnd(delta: Extract<Delta, { type: 'item-end' }>): string {
    const open = this.items[delta.index]!;
    const { choice, item } = open;
    const url = item && generatedImageUrl(delta.item ?? item);
    if (url === undefined) return '';
    const image = this.images[choice] ?? 0;
    open.image = image;
    this.images[choice] = image + 1;
    return this.chunk(choice, JSON.stringify({ images: [imagePart(url, image)] }));
  }

  private argumentsDelta(index: number, text: string): string {
    const item = this.items[index]!;
    if (item.tool === undefined) return '';
    const part = item.custom ? { custom: { input: text } } : { function: { arguments: text } };
    return this.chunk(item.choice, JSON.stringify({ tool_calls: [{ index: item.tool, ...part }] }));
  }

  private choiceOf(index: number): number {
    return this.items[index]!.choice;
  }
}

/** Fields as the rest of an object in JSON text. */
const rest = (fields: Fields): string => {
  const text = JSON.stringify(fields).slice(1, -1);
  return text === '' ? '' : `,${text}`;
};

/** The calls that made an answer, where there were several. */
const attemptsOf = ({ attempts }: AnsweredTurn): string =>
  attempts ? `,"clawhold":${JSON.stringify({ attempts: attemptsView(attempts) })}` : '';
