import type { Style } from '../style.ts';
import { type AnswerUsage, type GatewayApi, GatewayError } from './gateway-api.ts';
import type { SessionBook } from './session-book.ts';
import { usageNote } from './turn-note.ts';

/** Where a chat writes. On a terminal, answers and notes go to the same place. */
export interface Screen {
  /** Writes a part of an answer. */
  answer(text: string): void;
  /** Writes a line about the chat: models, tokens, hints. */
  note(text: string): void;
  /** Rewrites the current line; an empty text clears it. Absent without a terminal. */
  progress?(text: string): void;
  style: Style;
}

export interface ConversationParts {
  api: GatewayApi;
  book: SessionBook;
  screen: Screen;
  now(): number;
}

/** After this time without text, and then at this interval, the chat shows that it is waiting. */
const PROGRESS_MS = 700;

/** A chat of one user. It has one session at a time. */
export class Conversation {
  /** What all turns of this chat have used. */
  readonly total = { turns: 0, tokens: 0, cost: 0, estimated: false, unpriced: 0 };
  private running: Running | undefined;

  constructor(
    private readonly parts: ConversationParts,
    /** Undefined: the turns are not stored. */
    public session: string | undefined,
    public model: string,
  ) {}

  /** Sends a message, writes the answer as it arrives, then its cost. Resolves to false without a whole answer. */
  async say(text: string): Promise<boolean> {
    const { screen, now } = this.parts;
    const running = new Running(screen, this.model, now);
    this.running = running;
    try {
      await this.read(text, running);
      this.conclude(text, running);
      return !running.cancelled;
    } catch (error) {
      running.pause();
      if (running.cancelled) this.conclude(text, running);
      else this.failed(text, running, error);
      return false;
    } finally {
      running.pause();
      this.running = undefined;
    }
  }

  /** Stops the running answer. Returns false when no answer runs, or when it is already being stopped. */
  cancel(): boolean {
    const { running } = this;
    if (!running || running.cancelled) return false;
    running.cancelled = true;
    if (running.responseId === undefined) running.abort.abort();
    else this.parts.api.cancel(running.responseId).catch(() => running.abort.abort());
    return true;
  }

  private async read(text: string, running: Running): Promise<void> {
    const { api, screen } = this.parts;
    const question = { model: this.model, text, session: this.session, signal: running.abort.signal };
    for await (const part of api.answer(question)) {
      switch (part.type) {
        case 'begun':
          running.model = part.model ?? this.model;
          running.responseId = part.responseId;
          running.droppedTokens = part.droppedTokens;
          break;
        case 'text': {
          running.pause();
          const shown = printable(part.text);
          running.text += shown;
          screen.answer(shown);
          break;
        }
        case 'reasoning':
          running.thinking();
          break;
        case 'finish':
          running.finish = part.reason;
          break;
        case 'usage':
          running.usage = part.usage;
      }
    }
  }

  private conclude(text: string, running: Running): void {
    const { screen } = this.parts;
    const { style } = screen;
    running.pause();
    endLine(screen, running);
    if (running.cancelled) screen.note(style.yellow(cancelNote(running)));
    else if (running.text === '') screen.note(style.yellow('The answer of the model has no text.'));
    if (running.finish === 'length') screen.note(style.yellow('The answer reached the length limit.'));
    if (running.finish === 'content_filter')
      screen.note(style.yellow("The provider's content filter stopped this answer."));
    if (running.droppedTokens > 0)
      screen.note(
        style.yellow(
          `The oldest ${running.droppedTokens} tokens of the session do not fit this model and were left out.`,
        ),
      );
    this.noteUsage(running);
    this.remember(text, running);
  }

  private noteUsage({ model, usage, startedAt, cancelled }: Running): void {
    const { screen, now } = this.parts;
    const { dot } = screen.style.signs;
    if (cancelled && !usage) {
      screen.note('');
      return;
    }
    const seconds = ((now() - startedAt) / 1000).toFixed(1);
    const note = [model, usageNote(usage, model, dot), `${seconds} s`].join(` ${dot} `);
    screen.note(`${screen.style.dim(note)}\n`);
    this.total.turns++;
    this.total.tokens += (usage?.input ?? 0) + (usage?.output ?? 0);
    this.total.cost += usage?.cost ?? 0;
    if (usage?.estimated) this.total.estimated = true;
    if (usage?.cost === undefined && !model.startsWith('local/')) this.total.unpriced++;
  }

  private failed(text: string, running: Running, error: unknown): void {
    const { screen } = this.parts;
    endLine(screen, running);
    const message = error instanceof Error ? error.message : String(error);
    screen.note(`${screen.style.red(`${screen.style.signs.bad} ${printable(message)}`)}\n`);
    if (error instanceof GatewayError && error.code === 'model_not_found')
      screen.note(screen.style.dim('/models lists the models, /model switches to another.\n'));
    if (running.text !== '') this.remember(text, running);
  }

  private remember(text: string, { usage, responseId, model }: Running): void {
    const { book, now } = this.parts;
    if (this.session === undefined || responseId === undefined) return;
    const tokens = (usage?.input ?? 0) + (usage?.output ?? 0);
    // The requested name, not the name of the model that answered, so that an alias stays an alias.
    const name = this.session;
    try {
      const { cost = 0, estimated = false } = usage ?? {};
      book.note({ name, model: this.model || model, text, tokens, cost, estimated, at: now() });
    } catch {
      // The list of sessions only helps to find them; the chat works without it.
    }
  }
}

/** The state of one answer. */
class Running {
  readonly abort = new AbortController();
  readonly startedAt: number;
  responseId: string | undefined;
  text = '';
  finish: string | undefined;
  usage: AnswerUsage | undefined;
  droppedTokens = 0;
  cancelled = false;
  private label = 'waiting for';
  private timer: ReturnType<typeof setInterval> | undefined;
  private shown = false;

  constructor(
    private readonly screen: Screen,
    public model: string,
    private readonly now: () => number,
  ) {
    this.startedAt = now();
    if (screen.progress) this.timer = setInterval(() => this.show(), PROGRESS_MS);
  }

  thinking(): void {
    this.label = 'reasoning:';
  }

  pause(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.shown) this.screen.progress?.('');
    this.shown = false;
  }

  private show(): void {
    this.shown = true;
    const seconds = Math.round((this.now() - this.startedAt) / 1000);
    const { style } = this.screen;
    this.screen.progress?.(
      `${style.signs.ellipsis} ${this.label} ${this.model} (${seconds} s, Ctrl-C cancels)`,
    );
  }
}

function endLine(screen: Screen, { text }: Running): void {
  if (text !== '' && !text.endsWith('\n')) screen.answer('\n');
}

function cancelNote({ responseId, text }: Running): string {
  if (responseId === undefined)
    return 'Cancelled before the answer began. The provider may still complete it; then it is kept in the session.';
  return text === '' ? 'Cancelled.' : 'Cancelled. The part that arrived is kept.';
}

/** Removes control characters, so that a model cannot control the terminal. */
export function printable(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, '');
}
