import { type Dialect, errorIn, PATHS, question, textIn } from '../harness/dialects.ts';
import type { TestGateway } from '../harness/gateway.ts';
import type { Json } from '../simulators/provider/shape.ts';

/** How a client asks. The dialect also decides how it names the conversation. */
export interface ClientKind {
  /** `responses` uses `previous_response_id`; the others name a session. */
  dialect: Dialect;
  stream: boolean;
  provider: 'openai' | 'groq' | 'anthropic' | 'gemini';
}

/** One request of a client, and its result as the client saw it. */
export interface Attempt {
  /** Unique. */
  user: string;
  /** The provider's answer without faults. */
  answer: string;
  /** What the provider must receive: the conversation so far, and `user`. */
  context: string[];
  seen: string;
  /** The terminal event, or the whole JSON answer, has arrived. */
  completed: boolean;
  /** `resp_…`, as soon as the client knows it. */
  response?: string;
  status?: number;
  /** The error of the gateway. */
  error?: { code: string; message: string };
  /** The error of the connection. */
  broken?: unknown;
}

const FILLER = 'some further words make the answer a stream of several parts';

let count = 0;

/** A client in one long conversation. It remembers only acknowledged turns. */
export class ScriptedClient {
  readonly name = `client-${++count}`;
  readonly attempts: Attempt[] = [];
  /** Questions and answers, in order. */
  history: string[] = [];
  /** The response that the next request continues. */
  previous?: string;
  /** Questions since the last answer. */
  private unanswered: string[] = [];

  constructor(readonly kind: ClientKind) {}

  /** Asks a new question. `behaviour` is added to the name of the echo model. Never rejects. */
  async turn(gateway: TestGateway, behaviour = '', onSeen: (attempt: Attempt) => void = () => {}) {
    const user = `${this.name}.${this.attempts.length + 1} ${FILLER}`;
    // Anthropic's protocol merges neighbouring user messages, so the model receives one question with several lines.
    const question = this.kind.provider === 'anthropic' ? [...this.unanswered, user].join('\n') : user;
    const answer = `You said: ${question}`;
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
    const { dialect, stream, provider } = this.kind;
    const model = `${provider}/echo${behaviour && `+${behaviour}`}`;
    const reply =
      dialect !== 'responses'
        ? await gateway.post(
            PATHS[dialect],
            { model, stream, ...question(dialect, attempt.user) },
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
  error?: object | null;
  status?: string;
  choices?: { message: { content: string } }[];
  output?: { content: { text: string }[] }[];
  content?: { text: string }[];
  candidates?: object[];
  steps?: object[];
}

function readWhole(body: Whole, attempt: Attempt): void {
  if (body.error) attempt.error = errorIn(body as unknown as Json) as unknown as Attempt['error'];
  attempt.seen =
    body.choices?.[0]?.message.content ??
    body.output?.[0]?.content[0]?.text ??
    body.content?.[0]?.text ??
    (body.candidates ? textIn('gemini', body as unknown as Json) : undefined) ??
    (body.steps ? textIn('interactions', body as unknown as Json) : '');
  attempt.completed =
    [body.choices, body.content, body.candidates].some(Boolean) || body.status === 'completed';
}

/** The fields of a chunk or an event that are used here. */
interface StreamEvent {
  type?: string;
  delta?: string | { text?: string };
  choices?: { delta: { content?: string | null } }[];
  error?: object;
  response?: { error: Attempt['error'] | null };
  candidates?: { finishReason?: string }[];
  /** Of an interaction. */
  event_type?: string;
}

/** Resolves in the tick of the terminal event, not at the end of the connection. */
function readToTerminalEvent(reply: Response, attempt: Attempt, onSeen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const afterChunk = () => {
      onSeen();
      if (attempt.completed) resolve();
    };
    readEvents(reply, attempt, afterChunk).then(resolve, reject);
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

function readEvent(event: StreamEvent, attempt: Attempt): void {
  const { event_type, delta, choices, error, response, candidates } = event;
  const type = event.type ?? event_type;
  const failure = error && (errorIn(event as unknown as Json) as unknown as Attempt['error']);
  attempt.error = failure ?? response?.error ?? attempt.error;
  if (candidates) {
    attempt.seen += textIn('gemini', event as unknown as Json);
    attempt.completed ||= candidates[0]?.finishReason !== undefined;
  } else if (type === 'response.output_text.delta') attempt.seen += delta ?? '';
  else if (type === 'content_block_delta' || type === 'step.delta')
    attempt.seen += (delta as { text?: string }).text ?? '';
  else if (type === 'response.completed' || type === 'message_stop') attempt.completed = true;
  else attempt.seen += choices?.[0]?.delta.content ?? '';
}
