import type { Style } from '../style.ts';
import type { AnswerUsage } from './answer-stream.ts';
import type { GatewayApi, Question } from './gateway-api.ts';
import { Disconnected, GatewayError } from './gateway-error.ts';
import { reconnectingAnswer } from './reconnecting-answer.ts';
import type { SessionBook } from './session-book.ts';
import { usageNote } from './turn-note.ts';

/** Where a chat writes. On a terminal, answers and notes go to the same place. */
export interface Screen {
  /** Writes a part of an answer. */
  answer(text: string): void;
  /** Writes a line about the chat: models, tokens, hints. */
  note(text: string): void;
  /** Rewrites the current line; an empty text clears it. Absent where lines cannot be rewritten. */
  progress?(text: string): void;
  /** Whether a person sees the output and can type. */
  interactive: boolean;
  style: Style;
}

export interface ConversationParts {
  api: GatewayApi;
  book: SessionBook;
  screen: Screen;
  now(): number;
}

/** How long a script waits for a gateway that does not answer. A user waits until Ctrl-C. */
const SCRIPT_WAIT_MS = 60_000;
/** How long a cancelled answer may take to end at the gateway. */
const CANCEL_MS = 1_000;

/** After this time without text, and then at this interval, the chat shows that it is waiting. */
const PROGRESS_MS = 700;

/** A chat of one user. It has one session at a time. */
export class Conversation {
  /** What all turns of this chat have used. */
  readonly total = { turns: 0, tokens: 0, cost: 0, estimated: false, unpriced: 0 };
  /** The id of the last stored answer. */
  lastResponse: string | undefined;
  private running: Running | undefined;
  private unanswered: Unanswered | undefined;

  constructor(
    private readonly parts: ConversationParts,
    /** Undefined: the turns are not stored. */
    public session: string | undefined,
    public model: string,
  ) {}

  /** Sends a message, writes the answer as it arrives, then its cost. Resolves to false without a whole answer. */
  say(text: string): Promise<boolean> {
    return this.ask({ model: this.model, text, session: this.session, key: crypto.randomUUID() });
  }

  /** Sends the last message again, if it was not answered. Resolves like `say`. */
  async retry(): Promise<boolean> {
    const { unanswered } = this;
    if (!unanswered) throw new Error('The last message was answered. There is nothing to send again.');
    const { question, outcome } = unanswered;
    const { model, session } = this;
    // The gateway may have the question already. The same idempotency key keeps it from being asked twice.
    const isSame = outcome === 'unknown' && question.model === model && question.session === session;
    return isSame ? this.ask(question) : this.say(question.text);
  }

  get isAnswering(): boolean {
    return this.running !== undefined;
  }

  /** Stops the running answer. Returns false when no answer runs, or when it is already being stopped. */
  cancel(): boolean {
    const { running } = this;
    if (!running || running.cancelled) return false;
    running.cancelled = true;
    const abort = () => running.abort.abort();
    if (running.responseId === undefined || running.disconnected) {
      abort();
    } else {
      this.parts.api.cancel(running.responseId).catch(abort);
      setTimeout(abort, CANCEL_MS).unref();
    }
    return true;
  }

  private async ask(question: Question): Promise<boolean> {
    const { screen, now } = this.parts;
    const running = new Running(screen, question.model, now);
    this.running = running;
    this.unanswered = { question, outcome: 'unknown' };
    try {
      await this.read(question, running);
      this.conclude(question.text, running);
      this.unanswered = running.cancelled ? { question, outcome: 'known' } : undefined;
      return !running.cancelled;
    } catch (error) {
      running.pause();
      if (!(error instanceof Disconnected) && !running.disconnected)
        this.unanswered = { question, outcome: 'known' };
      if (running.cancelled) this.conclude(question.text, running);
      else this.failed(question.text, running, error);
      return false;
    } finally {
      running.pause();
      this.running = undefined;
    }
  }

  private async read(question: Question, running: Running): Promise<void> {
    const { api, screen } = this.parts;
    const { signal } = running.abort;
    const waitMs = screen.interactive ? Number.POSITIVE_INFINITY : SCRIPT_WAIT_MS;
    for await (const part of reconnectingAnswer(api, question, { signal, waitMs })) {
      switch (part.type) {
        case 'waiting':
          this.waitFor(part.reason, running);
          break;
        case 'begun':
          running.model = part.model ?? running.model;
          running.responseId = part.responseId;
          running.droppedTokens = Math.max(running.droppedTokens, part.droppedTokens);
          running.connected();
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

  /** Shows once that the gateway does not answer. The answer goes on in a new line when the gateway is back. */
  private waitFor({ message }: Disconnected, running: Running): void {
    const { screen } = this.parts;
    if (running.disconnected) return;
    running.pause();
    if (screen.interactive) endLine(screen, running);
    const next = screen.interactive ? 'Ctrl-C stops waiting' : `up to ${SCRIPT_WAIT_MS / 1000} s`;
    screen.note(
      screen.style.yellow(`${printable(message)}\nWaiting for it (${next})${screen.style.signs.ellipsis}`),
    );
    running.wait();
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
    this.lastResponse = running.responseId;
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
    else if (screen.interactive) screen.note(screen.style.dim('/retry sends the message again.\n'));
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

/** A message without a whole answer. */
interface Unanswered {
  question: Question;
  /** `unknown`: the connection broke, and the gateway may still answer the question. */
  outcome: 'unknown' | 'known';
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
  disconnected = false;
  private label = 'waiting for';
  private timer: ReturnType<typeof setInterval> | undefined;
  private shown = false;

  constructor(
    private readonly screen: Screen,
    public model: string,
    private readonly now: () => number,
  ) {
    this.startedAt = now();
    this.startTimer();
  }

  /** The gateway does not answer. */
  wait(): void {
    this.disconnected = true;
    this.startTimer();
  }

  /** The gateway answers, for the first time or again. */
  connected(): void {
    this.disconnected = false;
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

  private startTimer(): void {
    if (this.screen.progress) this.timer = setInterval(() => this.show(), PROGRESS_MS);
  }

  private show(): void {
    this.shown = true;
    const seconds = Math.round((this.now() - this.startedAt) / 1000);
    const { style } = this.screen;
    const doing = this.disconnected ? 'waiting for the gateway' : `${this.label} ${this.model}`;
    const end = this.disconnected ? 'stops waiting' : 'cancels';
    this.screen.progress?.(`${style.signs.ellipsis} ${doing} (${seconds} s, Ctrl-C ${end})`);
  }
}

function endLine(screen: Screen, { text }: Running): void {
  if (text !== '' && !text.endsWith('\n')) screen.answer('\n');
}

function cancelNote({ responseId, text, disconnected }: Running): string {
  if (disconnected && responseId !== undefined)
    return 'Stopped waiting. The gateway completes the answer when it runs again; /history shows it then.';
  if (disconnected) return 'Stopped waiting. The message may not have arrived; /retry sends it again.';
  if (responseId === undefined)
    return 'Cancelled before the answer began. The provider may still complete it; then it is kept in the session.';
  return text === '' ? 'Cancelled.' : 'Cancelled. The part that arrived is kept.';
}

/** Removes control characters, so that a model cannot control the terminal. */
export function printable(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, '');
}
