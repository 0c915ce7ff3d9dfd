import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  assistant,
  conversationIn,
  DIALECTS,
  type Dialect,
  MAIN,
  PATHS,
  type Said,
  TITLE,
  textIn,
  user,
} from '../harness/dialects.ts';
import { type TestGateway, testGateway } from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { startProvider } from '../simulators/provider/provider.ts';

/** Clients that send their whole history and name no session: a key may have their sessions recognised. */

const RECOGNISING = 'sk-claw-test-recognising-0123456789';
const OTHER_TENANT = 'sk-claw-test-recognising-elsewhere';
const PLAIN = 'sk-claw-test-plain-0123456789';
const YAML = `keys:
  - { name: agents, key: ${RECOGNISING}, sessions: recognise }
  - { name: elsewhere, key: ${OTHER_TENANT}, tenant: elsewhere, sessions: recognise }
  - { name: plain, key: ${PLAIN} }
`;

const provider = startProvider();
let gateway: TestGateway;
let count = 0;
/** A question that no other test asks. */
const newQuestion = (): string => `What is the number ${count++} of ${crypto.randomUUID()}?`;

beforeAll(async () => {
  gateway = await testGateway({ provider: provider.url, yaml: YAML });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
});

interface Answer {
  session: string | null;
  history: string | null;
  text: string;
}

async function ask(
  dialect: Dialect,
  messages: readonly Said[],
  system = MAIN,
  key = RECOGNISING,
): Promise<Answer> {
  const body = JSON.stringify({ model: 'openai/recall', ...conversationIn(dialect, system, messages) });
  const response = await gateway.fetch(PATHS[dialect], { method: 'POST', body, key });
  expect(response.status).toBe(200);
  const { headers } = response;
  const history = headers.get('x-clawhold-history');
  return {
    session: headers.get('x-clawhold-session-id'),
    history,
    text: textIn(dialect, await json(response)),
  };
}

/** Asks several questions of one conversation, each with the whole history. */
async function converse(dialect: Dialect, questions: readonly string[], key = RECOGNISING) {
  const messages: Said[] = [];
  const answers: Answer[] = [];
  for (const question of questions) {
    messages.push(user(question));
    const answer = await ask(dialect, messages, MAIN, key);
    messages.push(assistant(answer.text));
    answers.push(answer);
  }
  return { messages, answers, sessions: [...new Set(answers.map(({ session }) => session))] };
}

describe.each(DIALECTS)('%s', (dialect) => {
  test('a conversation has one session, and its history is stored once', async () => {
    const { sessions, answers } = await converse(dialect, [newQuestion(), newQuestion(), newQuestion()]);
    expect(sessions).toHaveLength(1);
    expect(sessions[0]).toStartWith('conv_');
    expect(answers.slice(1).map(({ history }) => history)).toEqual(['matched', 'matched']);
  });

  test('two conversations that begin with the same question have two sessions', async () => {
    const question = newQuestion();
    const one = await converse(dialect, [question, newQuestion()]);
    const other = await converse(dialect, [question, newQuestion()]);
    expect(one.sessions).toHaveLength(1);
    expect(other.answers[0]!.session).not.toBe(one.sessions[0]);
    // Both answers to the question are equal here, so the second one continues the latest session.
    expect(other.sessions).toHaveLength(1);
  });

  test('an edited question forks the session', async () => {
    const { messages, sessions } = await converse(dialect, [newQuestion(), newQuestion(), newQuestion()]);
    const edited = [...messages.slice(0, 4), user(newQuestion())];
    const { session, history } = await ask(dialect, edited);
    expect({ session, history }).toEqual({ session: sessions[0]!, history: 'forked' });
  });

  test('a request for a title stays beside the conversation', async () => {
    const { messages, sessions } = await converse(dialect, [newQuestion(), newQuestion()]);
    await ask(dialect, [user(`Title for: ${messages[0]!.content}`)], TITLE);
    const next = await ask(dialect, [...messages, user(newQuestion())]);
    expect(next.session).toBe(sessions[0]!);
    expect(next.history).toBe('matched');
  });

  test('a session is recognised only for its tenant, and only where the key says so', async () => {
    const { messages, sessions } = await converse(dialect, [newQuestion(), newQuestion()]);
    const next = [...messages, user(newQuestion())];
    expect((await ask(dialect, next, MAIN, OTHER_TENANT)).session).not.toBe(sessions[0]!);
    expect((await ask(dialect, next, MAIN, PLAIN)).session).not.toBe(sessions[0]!);
  });

  test('a deleted session is not found again', async () => {
    const { messages, sessions } = await converse(dialect, [newQuestion(), newQuestion()]);
    await gateway.fetch(`/v1/conversations/${sessions[0]}`, { method: 'DELETE', key: RECOGNISING });
    const { session } = await ask(dialect, [...messages, user(newQuestion())]);
    expect(session).not.toBe(sessions[0]!);
  });
});

test('a conversation that changes its dialect keeps its session', async () => {
  const { messages, sessions } = await converse('chat', [newQuestion(), newQuestion()]);
  const { session, history } = await ask('responses', [...messages, user(newQuestion())]);
  expect({ session, history }).toEqual({ session: sessions[0]!, history: 'matched' });
});
