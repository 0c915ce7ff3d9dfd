import { errorIn } from '../../harness/dialects.ts';
import type { ClientKind } from './client-kind.ts';

/** What happens to a question. */
export interface Scenario {
  /** The behaviour of the simulated model. */
  behaviour?: string;
  /** The model answers this many words, instead of echoing. */
  words?: number;
  /** The behaviour of the fallback model at the other provider. */
  fallback?: string;
  /** The turn may be deferred while no provider can be reached. */
  defer?: boolean;
  /** How many provider calls the turn needs without a kill. */
  calls?: number;
}

type Json = Record<string, unknown>;

/** One turn as its client sees it: the question, and everything received of the answer. */
export class Question {
  /** The text of every stream event, by its number, over all connections. */
  readonly events: string[] = [];
  /** The text of the answer in the events. */
  text = '';
  /** The turn's id without the prefix of the dialect, as soon as the client knows it. */
  id?: string;
  /** The JSON answer, or the one in the terminal event. */
  whole?: Json;
  /** How the turn ended, as the client saw it. */
  end?: 'completed' | 'incomplete' | 'failed';
  /** The turn was deferred because no provider answered. */
  deferred = false;
  /** The connection broke, and the client has not found the turn again. */
  broken = false;
  requests = 0;
  /** When each request was sent, in milliseconds since the epoch. */
  readonly sent: number[] = [];
  /** The codes of all errors that the client received. */
  readonly refusals: string[] = [];
  /** Violations that the client noticed. */
  readonly problems: string[] = [];
  readonly askedAt = Date.now();
  /** When the question was answered or given up. */
  endedAt = 0;
  /** The answers to requests that were sent a second time at the same moment. */
  readonly twins: Question[] = [];
  /** The client waits for this before its next request. */
  away: Promise<void> = Promise.resolve();
  /** Resolves when the question has been answered or given up. */
  done: Promise<void> = Promise.resolve();
  /** Closes the connection. */
  hangUp: () => void = () => {};

  constructor(
    readonly clientKind: ClientKind,
    readonly scenario: Scenario,
    /** Unique. The model's name contains it too. */
    readonly label: string,
    readonly user: string,
    /** What the provider must receive: the conversation so far, and `user`. */
    readonly context: readonly string[],
    readonly body: Json,
  ) {}

  /** The model's answer without faults. */
  get answer(): string {
    const { words } = this.scenario;
    if (words === undefined) return `You said: ${this.user}`;
    return Array.from({ length: words }, (_, at) => `word${at + 1}`).join(' ');
  }

  /** The same question without an answer. */
  copy(): Question {
    const { clientKind, scenario, label, user, context, body } = this;
    return new Question(clientKind, scenario, label, user, context, body);
  }

  /** Disconnects. The returned function lets the client continue. */
  leave(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.away = promise;
    this.hangUp();
    return resolve;
  }

  /** Takes a JSON answer, which may still be incomplete. */
  answered(body: Json): void {
    const { id, responseId, choices, status, output, content, candidates } = body as unknown as Whole;
    this.setId(id ?? responseId!);
    if (status === 'queued' || status === 'in_progress') return;
    this.whole = body;
    const text =
      choices?.[0]?.message.content ??
      output?.map(textOf).join('') ??
      content?.map((block) => block.text ?? '').join('') ??
      candidates?.map(textOfCandidate).join('') ??
      '';
    const isStreamed = this.events.length > 0;
    if (isStreamed && text !== this.text)
      this.problems.push(`the last event has a different text: "${text}"`);
    this.text = text;
    this.end = choices || content || candidates ? 'completed' : (status as Question['end']);
  }

  /** Sets the turn's id. It must stay the same. */
  setId(name: string): void {
    const id = name.slice(name.search(/[_-]/) + 1);
    if (this.id !== undefined && this.id !== id) this.problems.push(`the id was ${this.id} and is ${id}`);
    this.id = id;
  }

  /** Takes a stream event, which may be a repetition. */
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
    if (data.id !== undefined) this.setId(data.id);
    if (data.responseId !== undefined) this.setId(data.responseId);
    if (data.candidates) this.chunk(data as unknown as Json, data.candidates);
    const { delta } = data;
    if (typeof delta === 'string') this.text += type === 'response.output_text.delta' ? delta : '';
    else if (type === 'content_block_delta') this.text += delta?.text ?? '';
    else if (type === 'message_start') this.setId(data.message!.id);
    else if (type === 'message_delta') this.whole = { usage: data.usage, clawhold: data.clawhold };
    else if (type === 'message_stop') this.end = 'completed';
    else if (type === undefined && !error) this.text += choices?.[0]?.delta.content ?? '';
    if (error) this.fail(errorIn(data as unknown as Json) as { code: string });
    else if (response?.error) this.refusals.push(response.error.code);
    if (response) this.answered(response);
  }

  /** A chunk of Google's API. The last one has the reason to finish. */
  private chunk(whole: Json, candidates: Candidate[]): void {
    this.text += candidates.map(textOfCandidate).join('');
    if (!candidates[0]?.finishReason) return;
    this.whole = whole;
    this.end = 'completed';
  }

  /** A stream that ends with `gateway_stopped` is incomplete; any other error means that the turn failed. */
  private fail({ code }: { code: string }): void {
    this.refusals.push(code);
    this.end = code === 'gateway_stopped' ? 'incomplete' : 'failed';
  }
}

interface Whole {
  id?: string;
  /** Of Google's API. */
  responseId?: string;
  candidates?: Candidate[];
  choices?: { message: { content: string } }[];
  status?: string;
  output?: Output[];
  content?: { text?: string }[];
}

interface Output {
  type: string;
  content?: { text: string }[];
}

interface Candidate {
  content: { parts: { text?: string; thought?: boolean }[] };
  finishReason?: string;
}

const textOfCandidate = ({ content }: Candidate): string =>
  content.parts.map(({ text = '', thought }) => (thought ? '' : text)).join('');

const textOf = ({ type, content = [] }: Output): string =>
  type === 'message' ? content.map(({ text }) => text).join('') : '';

/** The fields of a chunk or an event that are used here. */
interface StreamEvent {
  type?: string;
  /** Only chat chunks have it. */
  id?: string;
  /** Only chunks of Google's API have these. */
  responseId?: string;
  candidates?: Candidate[];
  sequence_number?: number;
  delta?: string | { text?: string };
  /** Of events of a message. */
  message?: { id: string };
  usage?: Json;
  clawhold?: Json;
  choices?: { delta: { content?: string | null } }[];
  error?: object;
  response?: Json & { error?: { code: string } | null };
}

export const dataOf = (block: string): string | undefined => /^data: (.*)$/m.exec(block)?.[1];

export function numberOf(block: string): number | undefined {
  const number = /^id: (\d+)$/m.exec(block)?.[1];
  return number === undefined ? undefined : Number(number);
}
