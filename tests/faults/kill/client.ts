import { errorIn, PATHS, pathOf } from '../../harness/dialects.ts';
import type { TestGateway } from '../../harness/gateway.ts';
import type { Json } from '../../simulators/provider/shape.ts';
import { type ClientKind, isStream } from './client-kind.ts';
import { dataOf, numberOf, type Question } from './question.ts';
import type { RestartingGateway } from './restarting-gateway.ts';

/** The pause before the next request for an unfinished turn, in milliseconds. */
const PAUSE_MS = 15;

/** The answer to a repeated request. */
export interface Repetition {
  replayed: boolean;
  question: Question;
}

/** A client that repeats its requests, in the way of its kind, until it has the answer. */
export class Client {
  constructor(
    private readonly server: RestartingGateway,
    private readonly clientKind: ClientKind,
    private readonly session: string | undefined,
  ) {}

  /** Resolves when the question has ended or `isGivenUp` returns true. Never rejects. */
  async ask(question: Question, isGivenUp: () => boolean): Promise<void> {
    while (!question.end && !isGivenUp()) {
      await question.away;
      const gateway = await this.server.gateway;
      try {
        await this.askOnce(gateway, question);
      } catch (error) {
        question.broken = true;
        if (!isBreak(error)) question.problems.push(String(error));
        await Bun.sleep(PAUSE_MS);
      }
    }
  }

  /** Sends an answered question again, without changing it. */
  async repeat(question: Question): Promise<Repetition> {
    const second = question.copy();
    second.requests = question.requests;
    const gateway = await this.server.gateway;
    const reply = await this.send(gateway, second, new AbortController().signal);
    await this.read(reply, second, 0);
    return { replayed: reply.headers.get('x-clawhold-replayed') === 'true', question: second };
  }

  /** Fetches a turn by its id: its events from number `from` on, or its JSON. */
  async fetch(question: Question, from: number): Promise<Question> {
    const second = question.copy();
    for (const [number, block] of question.events.slice(0, from).entries()) second.event(number, block);
    const gateway = await this.server.gateway;
    const reply = await gateway.fetch(this.path(question, this.query(from)));
    await this.read(reply, second, from);
    return second;
  }

  /** Sends one request. A known turn whose connection did not break is fetched by its id, for every kind. */
  private async askOnce(gateway: TestGateway, question: Question): Promise<void> {
    const leaving = new AbortController();
    question.hangUp = () => leaving.abort();
    const { comeback, state } = this.clientKind;
    const byId = question.id !== undefined && state !== 'none' && (comeback === 'resume' || !question.broken);
    if (!byId && question.broken && comeback === 'key') this.askTwice(question);
    const from = byId ? question.events.length : 0;
    const reply = byId
      ? await gateway.fetch(this.path(question, this.query(from)), { signal: leaving.signal })
      : await this.send(gateway, question, leaving.signal);
    question.broken = false;
    await this.read(reply, question, from);
  }

  /** Sends the same request a second time at the same moment. */
  private askTwice(question: Question): void {
    const addTwin = ({ question: twin }: Repetition) => void question.twins.push(twin);
    this.repeat(question).then(addTwin, (error) => {
      if (!isBreak(error)) question.problems.push(String(error));
    });
  }

  private send(gateway: TestGateway, question: Question, signal: AbortSignal): Promise<Response> {
    const { dialect, comeback } = this.clientKind;
    const retries = question.requests++;
    question.sent.push(Date.now());
    return gateway.fetch(PATHS[dialect], {
      method: 'POST',
      body: JSON.stringify(question.body),
      signal,
      headers: {
        'content-type': 'application/json',
        ...(this.session && { 'x-session-id': this.session }),
        ...(comeback === 'sdk'
          ? { 'x-stainless-retry-count': String(retries) }
          : { 'idempotency-key': question.label }),
        ...(question.scenario.defer && { 'x-clawhold-when-down': 'defer' }),
      },
    });
  }

  private path({ id }: Question, query: string): string {
    return pathOf(this.clientKind.dialect, `resp_${id}`) + query;
  }

  private query(from: number): string {
    if (!isStream(this.clientKind)) return '';
    const after = from === 0 ? '' : `&starting_after=${from - 1}`;
    return `?stream=true${after}`;
  }

  private async read(reply: Response, question: Question, from: number): Promise<void> {
    const id = reply.headers.get('x-clawhold-response-id');
    if (id !== null) question.setId(id);
    if (reply.headers.get('content-type')?.startsWith('text/event-stream')) {
      return readEvents(reply, question, from);
    }
    const body = (await reply.json()) as Record<string, unknown>;
    if (reply.status === 202) {
      question.deferred = true;
      question.setId((body.id ?? body.responseId) as string);
      await Bun.sleep(PAUSE_MS);
    } else if (reply.ok) {
      question.answered(body);
      if (!question.end) await Bun.sleep(PAUSE_MS);
    } else await this.refused(reply, body, question);
  }

  private async refused(reply: Response, body: unknown, question: Question): Promise<void> {
    const { code, message } = errorIn(body as Json) as { code: string; message: string };
    question.refusals.push(code);
    if (reply.headers.get('x-should-retry') === 'true') {
      // The turn has no output. So send the request again instead of fetching the turn.
      question.broken = true;
      await Bun.sleep(PAUSE_MS);
      return;
    }
    question.problems.push(`refused: ${message}`);
    question.end = 'failed';
  }
}

/** Whether the error is a broken connection, and not a wrong answer or a bug in this client. */
function isBreak(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: string };
  return error instanceof ConnectionBroke || name === 'AbortError' || typeof code === 'string';
}

class ConnectionBroke extends Error {}

async function readEvents(reply: Response, question: Question, from: number): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  let next = from;
  for await (const chunk of reply.body!) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      if (block.startsWith(':') || block.startsWith('event: ping\n')) continue;
      if (dataOf(block) === '[DONE]') question.end ??= 'completed';
      else {
        const number = numberOf(block);
        if (number !== next++)
          question.problems.push(`in a stream from ${from} on, event ${next - 1} was ${block}`);
        else question.event(number, block);
      }
    }
    if (question.end) return;
  }
  throw new ConnectionBroke('the stream ended without a terminal event');
}
