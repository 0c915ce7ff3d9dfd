import type { TestGateway } from '../../harness/gateway.ts';
import { isStream, type Manner } from './manner.ts';
import { dataOf, numberOf, type Question } from './question.ts';
import type { Site } from './site.ts';

/** How soon it is asked again for what is not there yet, in milliseconds. */
const PAUSE = 15;

/** What a client got by asking once more for what it had already. */
export interface Again {
  replayed: boolean;
  question: Question;
}

/** A client that comes back in its own manner until it has its answer. */
export class Client {
  constructor(
    private readonly site: Site,
    private readonly manner: Manner,
    private readonly session: string | undefined,
  ) {}

  /** Settles when the question has ended, or `isGivenUp`. Never rejects. */
  async ask(question: Question, isGivenUp: () => boolean): Promise<void> {
    while (!question.end && !isGivenUp()) {
      await question.away;
      const gateway = await this.site.gateway;
      try {
        await this.askOnce(gateway, question);
      } catch (error) {
        question.broken = true;
        if (!isBreak(error)) question.problems.push(String(error));
        await Bun.sleep(PAUSE);
      }
    }
  }

  /** Sends a question that has been answered once more, and leaves it as it is. */
  async again(question: Question): Promise<Again> {
    const second = question.copy();
    second.requests = question.requests;
    const gateway = await this.site.gateway;
    const reply = await this.send(gateway, second, new AbortController().signal);
    await this.read(reply, second, 0);
    return { replayed: reply.headers.get('x-clawhold-replayed') === 'true', question: second };
  }

  /** Fetches a turn by its id: its events from one on, or the turn as it stands. */
  async fetch(question: Question, from: number): Promise<Question> {
    const second = question.copy();
    for (const [number, block] of question.events.slice(0, from).entries()) second.event(number, block);
    const gateway = await this.site.gateway;
    const reply = await gateway.fetch(this.path(question, this.query(from)));
    await this.read(reply, second, from);
    return second;
  }

  /** A turn that is known and waits for something is asked for by its id, whatever the manner. */
  private async askOnce(gateway: TestGateway, question: Question): Promise<void> {
    const leaving = new AbortController();
    question.hangUp = () => leaving.abort();
    const { comeback, state } = this.manner;
    const byId = question.id !== undefined && state !== 'none' && (comeback === 'resume' || !question.broken);
    if (!byId && question.broken && comeback === 'key') this.askTwice(question);
    const from = byId ? question.events.length : 0;
    const reply = byId
      ? await gateway.fetch(this.path(question, this.query(from)), { signal: leaving.signal })
      : await this.send(gateway, question, leaving.signal);
    question.broken = false;
    await this.read(reply, question, from);
  }

  /** Sends the same request at the same time. */
  private askTwice(question: Question): void {
    const heed = ({ question: twin }: Again) => void question.twins.push(twin);
    this.again(question).then(heed, (error) => {
      if (!isBreak(error)) question.problems.push(String(error));
    });
  }

  private send(gateway: TestGateway, question: Question, signal: AbortSignal): Promise<Response> {
    const { dialect, comeback } = this.manner;
    const retries = question.requests++;
    return gateway.fetch(dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses', {
      method: 'POST',
      body: JSON.stringify(question.body),
      signal,
      headers: {
        'content-type': 'application/json',
        ...(this.session && { 'x-session-id': this.session }),
        ...(comeback === 'sdk'
          ? { 'x-stainless-retry-count': String(retries) }
          : { 'idempotency-key': question.label }),
        ...(question.wish.defer && { 'x-clawhold-when-down': 'defer' }),
      },
    });
  }

  private path({ id }: Question, query: string): string {
    const { dialect } = this.manner;
    return dialect === 'chat'
      ? `/v1/chat/completions/chatcmpl-${id}${query}`
      : `/v1/responses/resp_${id}${query}`;
  }

  private query(from: number): string {
    if (!isStream(this.manner)) return '';
    const after = from === 0 ? '' : `&starting_after=${from - 1}`;
    return `?stream=true&include_usage=true${after}`;
  }

  private async read(reply: Response, question: Question, from: number): Promise<void> {
    const id = reply.headers.get('x-clawhold-response-id');
    if (id !== null) question.told(id);
    if (reply.headers.get('content-type')?.startsWith('text/event-stream')) {
      return readEvents(reply, question, from);
    }
    const body = (await reply.json()) as Record<string, unknown>;
    if (reply.status === 202) {
      question.deferred = true;
      question.told(body.id as string);
      await Bun.sleep(PAUSE);
    } else if (reply.ok) {
      question.answered(body);
      if (!question.end) await Bun.sleep(PAUSE);
    } else await this.refused(reply, body, question);
  }

  private async refused(reply: Response, body: unknown, question: Question): Promise<void> {
    const { code, message } = (body as { error: { code: string; message: string } }).error;
    question.refusals.push(code);
    if (reply.headers.get('x-should-retry') === 'true') {
      // Sent again by its key, not asked for again by its id: it came to nothing.
      question.broken = true;
      await Bun.sleep(PAUSE);
      return;
    }
    question.problems.push(`refused: ${message}`);
    question.end = 'failed';
  }
}

/** Whether the network failed, and not what came over it or this client. */
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
      if (block.startsWith(':')) continue;
      if (dataOf(block) === '[DONE]') question.end ??= 'completed';
      else {
        const number = numberOf(block);
        if (number !== next++)
          question.problems.push(`asked from ${from} on, event ${next - 1} was ${block}`);
        else question.event(number, block);
      }
    }
    if (question.end) return;
  }
  throw new ConnectionBroke('the stream ended without a terminal event');
}
