import type { Manner } from './manner.ts';

/** What a question is to meet on its way. */
export interface Wish {
  /** What the simulated model does. */
  behaviour?: string;
  /** It says so many words, instead of echoing. */
  words?: number;
  /** What the other provider's model does, which is called when the first one is given up. */
  fallback?: string;
  /** May be put off while no provider can be reached. */
  defer?: boolean;
  /** How many calls of providers it takes where nobody is killed. */
  calls?: number;
}

type Json = Record<string, unknown>;

/** One turn from its client's side: what is asked, and all that has been seen of the answer since. */
export class Question {
  /** The bytes of every event of the stream, by its number, over however many connections they came. */
  readonly events: string[] = [];
  /** What the events say. */
  text = '';
  /** The turn's id without what its dialect puts before it, once the client has been told. */
  id?: string;
  /** The JSON answer, or the one in the terminal event. */
  whole?: Json;
  /** How it ended, as the client was told. */
  end?: 'completed' | 'incomplete' | 'failed';
  /** It was put off for want of a provider. */
  deferred = false;
  /** The connection broke, and the turn has not been found again since. */
  broken = false;
  requests = 0;
  /** Answers that were neither the turn nor a promise of it. */
  readonly refusals: string[] = [];
  /** What no client should see. */
  readonly problems: string[] = [];
  readonly askedAt = Date.now();
  /** When it was answered, or given up. */
  endedAt = 0;
  /** What the client got that was impatient and came back twice at the same time. */
  readonly twins: Question[] = [];
  /** The client does nothing before this has settled. */
  away: Promise<void> = Promise.resolve();
  /** Settles when the question has been answered, or given up. */
  done: Promise<void> = Promise.resolve();
  /** Hangs up. */
  hangUp: () => void = () => {};

  constructor(
    readonly manner: Manner,
    readonly wish: Wish,
    /** Unique; also in the model's name. */
    readonly label: string,
    readonly user: string,
    /** What the provider must be sent: all that was said before, and `user`. */
    readonly context: readonly string[],
    readonly body: Json,
  ) {}

  /** What the model says when it is left to say it. */
  get answer(): string {
    const { words } = this.wish;
    if (words === undefined) return `You said: ${this.user}`;
    return Array.from({ length: words }, (_, at) => `word${at + 1}`).join(' ');
  }

  /** The same, as if it had not been asked. */
  copy(): Question {
    const { manner, wish, label, user, context, body } = this;
    return new Question(manner, wish, label, user, context, body);
  }

  /** Leaves now; the function that is returned brings the client back. */
  leave(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.away = promise;
    this.hangUp();
    return resolve;
  }

  /** A JSON answer as far as it has come. */
  answered(body: Json): void {
    const { id, choices, status, output } = body as unknown as Whole;
    this.told(id);
    if (status === 'queued' || status === 'in_progress') return;
    this.whole = body;
    const text = choices?.[0]?.message.content ?? output?.map(textOf).join('') ?? '';
    const isStreamed = this.events.length > 0;
    if (isStreamed && text !== this.text) this.problems.push(`the stream ends with another text: "${text}"`);
    this.text = text;
    this.end = choices ? 'completed' : (status as Question['end']);
  }

  /** The turn's id, as a reply names it. */
  told(name: string): void {
    const id = name.slice(name.search(/[_-]/) + 1);
    if (this.id !== undefined && this.id !== id)
      this.problems.push(`the turn ${this.id} is another one: ${id}`);
    this.id = id;
  }

  /** An event of a stream, for the first time or again. */
  event(number: number, block: string): void {
    const known = this.events[number];
    if (known !== undefined) {
      if (known !== block) this.problems.push(`event ${number} was ${known} and is ${block}`);
      return;
    }
    if (number !== this.events.length)
      this.problems.push(`event ${number} follows ${this.events.length - 1}`);
    this.events[number] = block;
    const data = JSON.parse(dataOf(block)!) as StreamEvent;
    const { type, choices, error, response, sequence_number } = data;
    if (sequence_number !== undefined && sequence_number !== number)
      this.problems.push(`event ${number} says it is ${sequence_number}`);
    if (data.id !== undefined) this.told(data.id);
    if (type === 'response.output_text.delta') this.text += data.delta;
    else if (type === undefined && !error) this.text += choices?.[0]?.delta.content ?? '';
    if (error) this.fail(error);
    else if (response?.error) this.refusals.push(response.error.code);
    if (response) this.answered(response);
  }

  /** A stream that ends in an error is openly incomplete, where the error is that the gateway was stopped. */
  private fail({ code }: { code: string }): void {
    this.refusals.push(code);
    this.end = code === 'gateway_stopped' ? 'incomplete' : 'failed';
  }
}

interface Whole {
  id: string;
  choices?: { message: { content: string } }[];
  status?: string;
  output?: Output[];
}

interface Output {
  type: string;
  content?: { text: string }[];
}

const textOf = ({ type, content = [] }: Output): string =>
  type === 'message' ? content.map(({ text }) => text).join('') : '';

/** What a chunk or an event may hold that matters here. */
interface StreamEvent {
  type?: string;
  /** Of a chunk. */
  id?: string;
  sequence_number?: number;
  delta?: string;
  choices?: { delta: { content?: string | null } }[];
  error?: { code: string };
  response?: Json & { error?: { code: string } | null };
}

export const dataOf = (block: string): string | undefined => /^data: (.*)$/m.exec(block)?.[1];

export function numberOf(block: string): number | undefined {
  const number = /^id: (\d+)$/m.exec(block)?.[1];
  return number === undefined ? undefined : Number(number);
}
