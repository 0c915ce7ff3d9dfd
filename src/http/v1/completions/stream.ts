import type { Delta, DeltaOf } from '../../../core/delta.ts';
import type { Fault } from '../../../core/errors.ts';
import { textCompletionId } from '../../../core/ids.ts';
import type { AnsweredTurn, Asked } from '../../../core/turn.ts';
import type { StreamWriter } from '../../dialect.ts';
import { errorObject } from '../../envelope.ts';
import { usageOf } from '../chat/completion.ts';
import { attemptsView } from '../fields.ts';
import { echoOf, logprobsOf, textFinish } from './completion.ts';

/** Writes a turn as chunks of a text completion: each has the form of a whole one. */
export class CompletionStream implements StreamWriter {
  private head: string;
  private provider = '';
  private readonly prompt: string;
  private readonly includeUsage: boolean;
  /** The choice of each item, by its index. */
  private readonly choices: number[] = [];
  /** How many characters each choice has; absent before its first chunk. */
  private readonly lengths = new Map<number, number>();
  sequence = 0;

  constructor(
    private readonly asked: Asked,
    /** The last event that the reader has. */
    private readonly after: number,
  ) {
    const { prompt = '', include_usage } = echoOf(asked);
    this.prompt = prompt;
    this.includeUsage = include_usage === true;
    this.head = this.envelope(asked.model);
  }

  open(): string {
    return '';
  }

  delta(delta: Delta): string {
    switch (delta.type) {
      case 'attempt':
        this.provider = delta.provider;
        return '';
      case 'start':
        this.head = this.envelope(`${this.provider}/${delta.model}`);
        return '';
      case 'item-start':
        this.choices[delta.index] = delta.choice ?? 0;
        return '';
      case 'text-delta':
      case 'refusal-delta':
        return this.text(delta);
      default:
        // A text completion has text alone; its usage and its finish are sent when the turn is recorded.
        return '';
    }
  }

  end(turn: AnsweredTurn): string {
    const { id } = this.asked;
    if (turn.error) {
      const error = errorObject(turn.error);
      return this.event(
        JSON.stringify({ id: textCompletionId(id), object: 'text_completion', error, choices: [] }),
      );
    }
    const reasons = turn.finish.length > 0 ? turn.finish : [undefined];
    let text = '';
    reasons.forEach((finish, choice) => {
      text += this.echoed(choice) + this.chunk(choice, '', null, textFinish(finish));
    });
    if (this.includeUsage && turn.usage) {
      const usage = JSON.stringify(usageOf(turn.usage, turn));
      const attempts = turn.attempts
        ? `,"clawhold":${JSON.stringify({ attempts: attemptsView(turn.attempts) })}`
        : '';
      text += this.event(`${this.head}[],"usage":${usage}${attempts}}`);
    }
    return `${text}data: [DONE]\n\n`;
  }

  fail(fault: Fault): string {
    return `data: ${JSON.stringify({ error: errorObject(fault) })}\n\n`;
  }

  private text(delta: DeltaOf<'text-delta'> | DeltaOf<'refusal-delta'>): string {
    const choice = this.choices[delta.index] ?? 0;
    const echoed = this.echoed(choice);
    const offset = this.lengths.get(choice) ?? 0;
    const tokens = delta.type === 'text-delta' ? delta.logprobs : undefined;
    this.lengths.set(choice, offset + delta.text.length);
    return echoed + this.chunk(choice, delta.text, tokens ? logprobsOf(tokens, offset) : null, null);
  }

  /** The prompt, before the first text of a choice. */
  private echoed(choice: number): string {
    if (this.prompt === '' || this.lengths.has(choice)) return '';
    this.lengths.set(choice, 0);
    return this.chunk(choice, this.prompt, null, null);
  }

  private chunk(choice: number, text: string, logprobs: unknown, finish: string | null): string {
    const usage = this.includeUsage ? ',"usage":null' : '';
    const own = { text, index: choice, logprobs, finish_reason: finish };
    return this.event(`${this.head}[${JSON.stringify(own)}]${usage}}`);
  }

  private event(data: string): string {
    const sequence = this.sequence++;
    return sequence > this.after ? `id: ${sequence}\ndata: ${data}\n\n` : '';
  }

  private envelope(model: string): string {
    const { id, createdAt } = this.asked;
    const created = Math.floor(createdAt / 1000);
    return `{"id":"${textCompletionId(id)}","object":"text_completion","created":${created},"model":${JSON.stringify(model)},"choices":`;
  }
}
