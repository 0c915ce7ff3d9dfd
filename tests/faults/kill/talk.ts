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
    const context = [...this.history, user];
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
    const request = {
      model: modelOf(provider, wish.behaviour, label),
      ...(wish.fallback !== undefined && { fallbacks: [modelOf(other, wish.fallback, label)] }),
      stream: mode === 'stream' || mode === 'background-stream',
    };
    if (dialect === 'chat') return { ...request, messages: [{ role: 'user', content: user }] };
    return {
      ...request,
      input: user,
      ...(mode.startsWith('background') && { background: true }),
      ...(state === 'chain' && { previous_response_id: this.previous }),
    };
  }
}

function modelOf(provider: Manner['provider'], behaviour = '', label: string): string {
  const model = provider === 'anthropic' ? 'claude-sonnet-4-5+echo' : 'echo';
  return [`${provider}/${model}`, behaviour, label].filter(Boolean).join('+');
}
