import { Client } from './client.ts';
import type { Manner } from './manner.ts';
import { Question, type Wish } from './question.ts';
import type { Site } from './site.ts';

const FILLER = 'some further words make the answer a stream of several parts';

/** Milliseconds in which every question must have been answered, kills and restarts included. */
const PATIENCE = 30_000;

let count = 0;

/** One long conversation, in which the client remembers what was said. */
export class Talk {
  readonly name = `t${++count}`;
  private readonly habit = HABITS[count % HABITS.length]!;
  readonly questions: Question[] = [];
  /** What was said, by turns. */
  readonly history: string[] = [];
  readonly client: Client;
  /** What a chain continues. */
  previous?: string;

  constructor(
    readonly manner: Manner,
    site: Site,
  ) {
    this.client = new Client(site, manner, manner.state === 'session' ? this.name : undefined);
  }

  /** Says something new. What it will be answered is known, so that more may be said before it is. */
  ask(wish: Wish = {}): Question {
    const label = `${this.name}q${this.questions.length + 1}`;
    const user = `${label} ${FILLER}`;
    const context = this.manner.state === 'none' ? [user] : [...this.history, user];
    const question = new Question(this.manner, wish, label, user, context, this.body(wish, label, user));
    const place = this.history.push(user, question.answer);
    this.questions.push(question);
    question.done = this.follow(question, place);
    return question;
  }

  private async follow(question: Question, place: number): Promise<void> {
    let isGivenUp = false;
    const timer = setTimeout(() => {
      isGivenUp = true;
      question.problems.push('the turn does not end');
      question.hangUp();
    }, PATIENCE);
    await this.client.ask(question, () => isGivenUp);
    clearTimeout(timer);
    question.endedAt = Date.now();
    // A turn that was openly cut is part of what was said, as far as it came.
    if (question.text !== question.answer) {
      const said = question.text === '' ? [] : [question.user, question.text];
      this.history.splice(place - 2, 2, ...said);
    }
    if (question.id && question.text !== '') this.previous = `resp_${question.id}`;
  }

  private body(wish: Wish, label: string, user: string): Record<string, unknown> {
    const { dialect, mode, provider, state } = this.manner;
    const other = provider === 'groq' ? 'anthropic' : 'groq';
    const stream = mode === 'stream' || mode === 'background-stream';
    const request = {
      model: this.model(provider, wish, wish.behaviour, label),
      ...(wish.fallback !== undefined && { fallbacks: [this.model(other, wish, wish.fallback, label)] }),
      stream,
    };
    if (dialect === 'chat') {
      const messages = [{ role: 'user', content: user }];
      return { ...request, messages, ...(stream && { stream_options: { include_usage: true } }) };
    }
    return {
      ...request,
      input: user,
      ...(mode.startsWith('background') && { background: true }),
      ...(state === 'chain' && { previous_response_id: this.previous }),
      ...(state === 'none' && { store: false }),
    };
  }

  private model(provider: Manner['provider'], { words }: Wish, behaviour: string | undefined, label: string) {
    const voice = words === undefined ? 'echo' : `say-${words}`;
    const name = [MODELS[provider], voice, this.habit, behaviour, label].filter(Boolean).join('+');
    return `${provider}/${name}`;
  }
}

/** It thinks before it speaks; told to go on, it repeats some words first or begins anew; or neither. */
const HABITS = ['', 'think', 'overlap-2', 'again+think', 'overlap-3+think'];

const MODELS: Record<Manner['provider'], string> = { anthropic: 'claude-sonnet-4-5', groq: 'llama' };
