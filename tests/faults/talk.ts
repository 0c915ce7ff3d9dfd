import type { TestGateway } from '../harness/gateway.ts';

/** How a client talks: its dialect also decides how it names what it continues. */
export interface Manner {
  /** `chat` names a session; `responses` chains by `previous_response_id`. */
  dialect: 'chat' | 'responses';
  stream: boolean;
  provider: 'openai' | 'groq' | 'anthropic' | 'gemini';
}

/** One request of a client, and what came of it as far as the client could see. */
export interface Attempt {
  /** Unique. */
  user: string;
  /** What the provider answers when nothing stops it. */
  answer: string;
  /** What the provider must be sent: all that was said before, and `user`. */
  context: string[];
  seen: string;
  /** The terminal event, or the whole JSON answer, has arrived. */
  completed: boolean;
  /** `resp_…`, once the client has been told. */
  response?: string;
  status?: number;
  /** What the gateway said went wrong. */
  error?: { code: string; message: string };
  /** How the connection failed. */
  broken?: unknown;
}

const FILLER = 'some further words make the answer a stream of several parts';

let count = 0;

/** A client in one long conversation, who remembers what was acknowledged and believes nothing else. */
export class Talk {
  readonly name = `talk-${++count}`;
  readonly attempts: Attempt[] = [];
  /** What was said, by turns. */
  history: string[] = [];
  /** What a chain continues. */
  previous?: string;
  /** What was asked since the last answer. */
  private unanswered: string[] = [];

  constructor(readonly manner: Manner) {}

  /** Says something new; `behaviour` is what the simulated model does besides echoing. Never rejects. */
  async turn(gateway: TestGateway, behaviour = '', onSeen: (attempt: Attempt) => void = () => {}) {
    const user = `${this.name}.${this.attempts.length + 1} ${FILLER}`;
    // Its protocol takes only turns that alternate, so it hears one question that has two parts.
    const heard = this.manner.provider === 'anthropic' ? [...this.unanswered, user].join('\n') : user;
    const answer = `You said: ${heard}`;
    const attempt: Attempt = { user, answer, context: [...this.history, user], seen: '', completed: false };
    this.attempts.push(attempt);
    try {
      await this.send(gateway, attempt, behaviour, () => onSeen(attempt));
    } catch (error) {
      attempt.broken = error;
    }
    if (attempt.completed) this.remember(user, attempt.seen, attempt.response);
    return attempt;
  }

  remember(user: string, answer: string, response?: string): void {
    this.history.push(user);
    this.unanswered = answer === '' ? [...this.unanswered, user] : [];
    if (answer !== '') this.history.push(answer);
    if (response) this.previous = response;
  }

  private async send(gateway: TestGateway, attempt: Attempt, behaviour: string, onSeen: () => void) {
    const { dialect, stream, provider } = this.manner;
    const model = `${provider}/echo${behaviour && `+${behaviour}`}`;
    const reply =
      dialect === 'chat'
        ? await gateway.post(
            '/v1/chat/completions',
            { model, stream, messages: [{ role: 'user', content: attempt.user }] },
            { 'x-session-id': this.name },
          )
        : await gateway.post('/v1/responses', {
            model,
            stream,
            input: attempt.user,
            previous_response_id: this.previous,
          });
    attempt.status = reply.status;
    attempt.response = reply.headers.get('x-clawhold-response-id') ?? undefined;
    if (reply.ok && stream) return readToTerminalEvent(reply, attempt, onSeen);
    readWhole((await reply.json()) as Whole, attempt);
    onSeen();
  }
}

interface Whole {
  error?: { code: string; message: string } | null;
  status?: string;
  choices?: { message: { content: string } }[];
  output?: { content: { text: string }[] }[];
}

function readWhole(body: Whole, attempt: Attempt): void {
  if (body.error) attempt.error = body.error;
  attempt.seen = body.choices?.[0]?.message.content ?? body.output?.[0]?.content[0]?.text ?? '';
  attempt.completed = body.choices !== undefined || body.status === 'completed';
}

/** What a chunk or an event may hold that matters here. */
interface StreamEvent {
  type?: string;
  delta?: string;
  choices?: { delta: { content?: string | null } }[];
  error?: { code: string; message: string };
  response?: { error: Attempt['error'] | null };
}

/** Settles in the tick of the terminal event, not when the connection is done with it. */
function readToTerminalEvent(reply: Response, attempt: Attempt, onSeen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const notice = () => {
      onSeen();
      if (attempt.completed) resolve();
    };
    readEvents(reply, attempt, notice).then(resolve, reject);
  });
}

async function readEvents(reply: Response, attempt: Attempt, onSeen: () => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of reply.body!) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop()!;
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data === '[DONE]') attempt.completed = true;
      else if (data !== undefined) readEvent(JSON.parse(data) as StreamEvent, attempt);
    }
    onSeen();
  }
}

function readEvent({ type, delta, choices, error, response }: StreamEvent, attempt: Attempt): void {
  attempt.error = error ?? response?.error ?? attempt.error;
  if (type === 'response.output_text.delta') attempt.seen += delta ?? '';
  else if (type === 'response.completed') attempt.completed = true;
  else attempt.seen += choices?.[0]?.delta.content ?? '';
}
