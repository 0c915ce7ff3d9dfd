import { question } from '../../harness/dialects.ts';
import { Client } from './client.ts';
import type { ClientKind } from './client-kind.ts';
import { Question, type Scenario } from './question.ts';
import type { RestartingGateway } from './restarting-gateway.ts';

const FILLER = 'some further words make the answer a stream of several parts';

/** Every question must be answered within this time, including kills and restarts, in milliseconds. */
const ANSWER_WITHIN = 30_000;

let count = 0;

/** One long conversation. The client remembers all messages. */
export class Conversation {
  readonly name = `t${++count}`;
  private readonly habit = MODEL_HABITS[count % MODEL_HABITS.length]!;
  readonly questions: Question[] = [];
  /** Questions and answers, alternating. */
  readonly history: string[] = [];
  readonly client: Client;
  /** The response that the next request continues, for the state `chain`. */
  previous?: string;

  constructor(
    readonly clientKind: ClientKind,
    server: RestartingGateway,
  ) {
    this.client = new Client(server, clientKind, clientKind.state === 'session' ? this.name : undefined);
  }

  /** Asks a new question. The answer is known in advance, so that more questions can follow before it arrives. */
  ask(scenario: Scenario = {}): Question {
    const label = `${this.name}q${this.questions.length + 1}`;
    const user = `${label} ${FILLER}`;
    const context = this.clientKind.state === 'none' ? [user] : [...this.history, user];
    const question = new Question(
      this.clientKind,
      scenario,
      label,
      user,
      context,
      this.body(scenario, label, user),
    );
    const historyLength = this.history.push(user, question.answer);
    this.questions.push(question);
    question.done = this.follow(question, historyLength);
    return question;
  }

  private async follow(question: Question, historyLength: number): Promise<void> {
    let isGivenUp = false;
    const timer = setTimeout(() => {
      isGivenUp = true;
      question.problems.push('the turn does not end');
      question.hangUp();
    }, ANSWER_WITHIN);
    await this.client.ask(question, () => isGivenUp);
    clearTimeout(timer);
    question.endedAt = Date.now();
    // The partial answer of an incomplete turn is part of the conversation.
    if (question.text !== question.answer) {
      const exchange = question.text === '' ? [] : [question.user, question.text];
      this.history.splice(historyLength - 2, 2, ...exchange);
    }
    if (question.id && question.text !== '') this.previous = `resp_${question.id}`;
  }

  private body(scenario: Scenario, label: string, user: string): Record<string, unknown> {
    const { dialect, mode, provider, state } = this.clientKind;
    const other = provider === 'groq' ? 'anthropic' : 'groq';
    const stream = mode === 'stream' || mode === 'background-stream';
    const request = {
      model: this.model(provider, scenario, scenario.behaviour, label),
      ...(scenario.fallback !== undefined && {
        fallbacks: [this.model(other, scenario, scenario.fallback, label)],
      }),
      stream,
    };
    if (dialect !== 'responses') {
      const usage = dialect === 'chat' && stream ? { stream_options: { include_usage: true } } : {};
      return { ...request, ...question(dialect, user), ...usage };
    }
    return {
      ...request,
      input: user,
      ...(mode.startsWith('background') && { background: true }),
      ...(state === 'chain' && { previous_response_id: this.previous }),
      ...(state === 'none' && { store: false }),
    };
  }

  private model(
    provider: ClientKind['provider'],
    { words }: Scenario,
    behaviour: string | undefined,
    label: string,
  ) {
    const voice = words === undefined ? 'echo' : `say-${words}`;
    const name = [MODELS[provider], voice, this.habit, behaviour, label].filter(Boolean).join('+');
    return `${provider}/${name}`;
  }
}

/** Some models think before the answer. Some repeat words when they continue, or begin the answer again. */
const MODEL_HABITS = ['', 'think', 'overlap-2', 'again+think', 'overlap-3+think'];

const MODELS: Record<ClientKind['provider'], string> = { anthropic: 'claude-sonnet-4-5', groq: 'llama' };
