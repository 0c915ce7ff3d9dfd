import type { Delta } from '../../../core/delta.ts';
import { type ERRORS, Fault } from '../../../core/errors.ts';
import { completionId } from '../../../core/ids.ts';
import type { Asked, Turn } from '../../../core/turn.ts';
import { errorObject } from '../../envelope.ts';
import type { StreamWriter } from '../../sse.ts';
import { attemptsView } from '../attempts.ts';
import { finishReason, nested, toolCall, usageOf } from './completion.ts';

interface OpenItem {
  choice: number;
  /** Counts the choice's tool calls; absent for other items. */
  tool?: number;
  custom?: boolean;
}

/** Writes a turn as chat completion chunks (OpenAI API description, `CreateChatCompletionStreamResponse`). */
export class ChatStream implements StreamWriter {
  /** Names the model as it was asked for until the provider has named it. */
  private head: string;
  private readonly items: OpenItem[] = [];
  private readonly tools: number[] = [];
  private readonly started = new Set<number>();
  private provider = '';
  private sequence = 0;

  constructor(
    private readonly asked: Asked,
    private readonly includeUsage: boolean,
    /** The last event that the reader has; those up to it are left out. */
    private readonly after = -1,
  ) {
    this.head = this.envelope(asked.model ?? '');
  }

  open(): string {
    return '';
  }

  delta(delta: Delta): string {
    switch (delta.type) {
      case 'attempt':
        this.provider = delta.provider;
        return delta.discard ? this.restart(delta) : '';
      case 'start':
        this.head = this.envelope(`${this.provider}/${delta.model}`);
        return '';
      case 'item-start':
        return this.itemStart(delta);
      case 'text-delta':
        return this.text(delta);
      case 'refusal-delta':
        return this.chunk(this.choiceOf(delta.index), `{"refusal":${JSON.stringify(delta.text)}}`);
      case 'reasoning-delta':
      case 'summary-delta':
        return this.chunk(this.choiceOf(delta.index), `{"reasoning_content":${JSON.stringify(delta.text)}}`);
      case 'annotation':
        return this.chunk(
          this.choiceOf(delta.index),
          `{"annotations":[${JSON.stringify(nested(delta.annotation))}]}`,
        );
      case 'arguments-delta':
        return this.argumentsDelta(delta.index, delta.text);
      default:
        // Usage and the finish are told when the turn is recorded; the rest has no place in a chunk.
        return '';
    }
  }

  end(turn: Turn): string {
    if (turn.error) return this.error(turn.error.code, turn.error.message);
    const reasons = turn.finish.length > 0 ? turn.finish : [undefined];
    let text = '';
    reasons.forEach((finish, choice) => {
      text += this.chunk(choice, '{}', finishReason(finish));
    });
    if (this.includeUsage && turn.usage) {
      const usage = JSON.stringify(usageOf(turn.usage, turn.cost));
      text += this.event(`${this.head}[],"usage":${usage}${attemptsOf(turn)}}`);
    }
    return `${text}data: [DONE]\n\n`;
  }

  /** An error chunk as SDKs recognise it; no `[DONE]` follows, because nothing is done. */
  fail(fault: Fault): string {
    return `data: ${JSON.stringify({ error: errorObject(fault) })}\n\n`;
  }

  private error(code: keyof typeof ERRORS, message: string): string {
    const { id } = this.asked;
    const error = errorObject(new Fault(code, message));
    const choices = [{ index: 0, delta: {}, finish_reason: 'error' }];
    return this.event(
      JSON.stringify({ id: completionId(id), object: 'chat.completion.chunk', error, choices }),
    );
  }

  /** Another call answers, and these parts are void: a client that adds chunks up must forget them. */
  private restart({ cause, discard }: Extract<Delta, { type: 'attempt' }>): string {
    const voided = discard!.flatMap((index) => this.items[index] ?? []);
    const tool_calls = voided.flatMap(({ tool }) => (tool === undefined ? [] : [tool]));
    const content = voided.some(({ tool }) => tool === undefined);
    const restart = JSON.stringify({ reason: cause, discard: { content, tool_calls } });
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

  /** `delta` is JSON text: chunks are many and small, so they are joined and not built as objects. */
  private chunk(choice: number, delta: string, finish?: string, logprobs = 'null'): string {
    const usage = this.includeUsage ? ',"usage":null' : '';
    const reason = finish === undefined ? 'null' : `"${finish}"`;
    const opening = this.opening(choice);
    return (
      opening +
      this.event(
        `${this.head}[{"index":${choice},"delta":${delta},"logprobs":${logprobs},"finish_reason":${reason}}]${usage}}`,
      )
    );
  }

  /** The first chunk of a choice names the role. */
  private opening(choice: number): string {
    if (this.started.has(choice)) return '';
    this.started.add(choice);
    return this.chunk(choice, '{"role":"assistant","content":"","refusal":null}');
  }

  private text(delta: Extract<Delta, { type: 'text-delta' }>): string {
    const logprobs = delta.logprobs && JSON.stringify({ content: delta.logprobs, refusal: null });
    return this.chunk(
      this.choiceOf(delta.index),
      `{"content":${JSON.stringify(delta.text)}}`,
      undefined,
      logprobs,
    );
  }

  private itemStart(delta: Extract<Delta, { type: 'item-start' }>): string {
    const choice = delta.choice ?? 0;
    const call = toolCall(delta.item);
    if (!call) {
      this.items[delta.index] = { choice };
      return '';
    }
    const tool = this.tools[choice] ?? 0;
    this.tools[choice] = tool + 1;
    this.items[delta.index] = { choice, tool, custom: call.type === 'custom' };
    return this.chunk(choice, JSON.stringify({ tool_calls: [{ index: tool, ...call }] }));
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

/** The calls behind an answer, where there were several. */
const attemptsOf = ({ attempts }: Turn): string =>
  attempts ? `,"clawhold":${JSON.stringify({ attempts: attemptsView(attempts) })}` : '';
