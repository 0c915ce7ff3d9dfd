import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { responseId } from '../../../src/core/ids.ts';
import type { Turn } from '../../../src/core/turn.ts';
import { branchOf, journalFiles, type RecordedSession, readJournal, textOf, textsOn } from '../recorded.ts';
import type { Call } from './calls.ts';
import { isBackground, isStream } from './client-kind.ts';
import type { Conversation } from './conversation.ts';
import type { Question } from './question.ts';
import type { Recovery } from './restarting-gateway.ts';

/** The problems that a check finds, as text. */
type Problems = string[];

/** What is compared for one question: the client's view, the log, and the provider calls. */
export interface Facts {
  question: Question;
  /** The turns of the session with this question. */
  found: readonly Turn[];
  calls: readonly Call[];
  /** How many kills happened since the question was asked. */
  kills: number;
  recovery: Recovery;
}

export function checkQuestion(facts: Facts): Problems {
  const { question, recovery } = facts;
  const problems = [...question.problems, ...checkLogged(facts), ...checkCalls(facts), ...checkBill(facts)];
  const { text, answer, end, refusals } = question;
  if (end === 'completed' && text !== answer) problems.push(`the client has "${text}"`);
  if (!answer.startsWith(text)) problems.push(`the client has text that is not in the answer: "${text}"`);
  if (end !== 'completed' && recovery === 'rescue') problems.push(`the turn ended as ${end}`);
  if (recovery === 'rescue' && refusals.length > 0) problems.push(`refused: ${refusals.join(', ')}`);
  return problems;
}

function checkLogged({ question, found, recovery }: Facts): Problems {
  const problems: Problems = [];
  // A turn without output stays in the log, and its client may send the request again.
  const withOutput = found.filter(({ state, output }) => state !== 'incomplete' || output.length > 0);
  const mayBeEmpty = recovery === 'close' && withOutput.length <= 1;
  const turn = question.text === '' ? found.at(-1) : withOutput[0];
  if (found.length > 1 && !mayBeEmpty) problems.push('the turn is in the log more than once');
  if (!turn) return [...problems, 'the turn is lost'];
  const text = textOf(turn.output);
  if (text !== question.text) problems.push(`the log has "${text}" and the client "${question.text}"`);
  if (turn.state !== question.end)
    problems.push(`the turn is ${turn.state} in the log and ${question.end} for its client`);
  if (responseId(turn.id) !== `resp_${question.id}`) problems.push(`the log has it as ${turn.id}`);
  return problems;
}

/** A provider receives the conversation and, for a rescue, the beginning of the answer. */
function checkCalls({ question, calls, kills }: Facts): Problems {
  const problems: Problems = [];
  const most = (question.scenario.calls ?? 1) * (kills + 1);
  if (calls.length > most) problems.push(`${calls.length} calls were made, but at most ${most} are allowed`);
  if (calls.length === 0) problems.push('no call was made');
  for (const { context } of calls) {
    const asked = context.slice(0, question.context.length);
    if (
      !Bun.deepEquals(asked, question.context) ||
      !isBeginning(context.slice(asked.length), question.answer)
    )
      problems.push(`the provider received ${JSON.stringify(context)}`);
  }
  return problems;
}

interface Bill {
  usage?: { total_tokens?: number; input_tokens?: number; output_tokens?: number };
  clawhold?: { attempts: { input_tokens: number; output_tokens: number }[] };
}

/** If an answer was made by several calls, each is listed, and their sum is billed. */
function checkBill({ question, calls }: Facts): Problems {
  const { usage, clawhold } = (question.whole ?? {}) as Bill;
  if (!usage) return [];
  const isJoined = calls.some(({ context }) => context.length > question.context.length);
  if (isJoined && !clawhold) return ['the calls of the answer are not listed'];
  const sum = clawhold?.attempts.reduce((tokens, call) => tokens + call.input_tokens + call.output_tokens, 0);
  const { input_tokens = 0, output_tokens = 0, total_tokens = input_tokens + output_tokens } = usage;
  return sum === undefined || sum === total_tokens
    ? []
    : [`${sum} tokens were used, ${total_tokens} are billed`];
}

function isBeginning([beginning, instruction, ...rest]: string[], answer: string): boolean {
  if (beginning === undefined) return true;
  const isAsked = instruction === undefined || /continue it exactly where it breaks off/i.test(instruction);
  return beginning !== '' && answer.startsWith(beginning) && isAsked && rest.length === 0;
}

/** The whole conversation must be in the log, once and in order. */
export function checkConversation(conversation: Conversation, session: RecordedSession): Problems {
  if (conversation.clientKind.state === 'none') return [];
  const ids = session.turns.map(({ id }) => id);
  if (session.head && !ids.includes(session.head)) return [`${conversation.name}: the last turn is lost`];
  const logged = textsOn(branchOf(session));
  return Bun.deepEquals(logged, conversation.history)
    ? []
    : [`${conversation.name}: the branch has ${JSON.stringify(logged)}`];
}

/** A repeated request must get the same answer as before, without another execution. */
export async function checkRepetition(conversation: Conversation, question: Question): Promise<Problems> {
  const { client, clientKind } = conversation;
  const { replayed, question: repetition } = await client.repeat(question);
  const problems = replayed ? [] : ['the repeated request was executed again'];
  for (const twin of [repetition, ...question.twins]) {
    // For a background or deferred turn, the answer may be only that the turn exists.
    const isPromise = twin.end === undefined && (isBackground(clientKind) || question.deferred);
    if (!isPromise) problems.push(...differences('repeated', question, twin));
    else if (twin.id !== question.id) problems.push(`repeated, its id is ${twin.id}`);
  }
  if (clientKind.state === 'none') return problems;
  const middle = Math.floor(Math.random() * question.events.length);
  for (const from of isStream(clientKind) ? [0, middle] : [0]) {
    const fetched = await client.fetch(question, from);
    problems.push(...differences(`fetched from ${from} on`, question, fetched));
  }
  return problems;
}

/** Everything that a client receives of a turn must be the same at any time, byte for byte. */
function differences(how: string, one: Question, other: Question): Problems {
  const problems = [...other.problems];
  if (one.end !== other.end) problems.push(`it ended as ${other.end}`);
  if (one.text !== other.text) problems.push(`its text is "${other.text}"`);
  if (!Bun.deepEquals(one.whole, other.whole)) problems.push(`it is ${JSON.stringify(other.whole)}`);
  if (one.events.length !== other.events.length) problems.push(`it has ${other.events.length} events`);
  for (const [number, event] of one.events.entries())
    if (event !== other.events[number])
      problems.push(`event ${number} was ${event} and is ${other.events[number]}`);
  return problems.slice(0, 3).map((problem) => `${how}, ${problem}`);
}

/** What dead processes and ended turns have left behind, when no turn runs and `processes` write to the journal. */
export function leftovers(dataDir: string, processes = 1): Problems {
  const files = journalFiles(dataDir);
  const instances = new Set(files.map((name) => name.slice(0, 36)));
  const problems: Problems = [];
  if (instances.size > processes) problems.push(`files of dead instances: ${files.join(' ')}`);
  if (files.filter((name) => name.endsWith('.log')).length > processes)
    problems.push(`segments: ${files.join(' ')}`);
  const open = [...readJournal(dataDir).values()].map(({ asked }) => asked);
  if (open.length > 0) problems.push(`unfinished in the journal: ${open.join(' | ')}`);
  const database = new Database(join(dataDir, 'clawhold.db'), { readonly: true });
  try {
    for (const { session, holder } of database.query<Lease, []>('SELECT * FROM leases').all())
      problems.push(`a lease of ${session}, held by ${holder}`);
    for (const { key } of database.query<{ key: string }, []>(DANGLING).all())
      problems.push(`a claim without a turn: ${key}`);
  } finally {
    database.close();
  }
  return problems;
}

interface Lease {
  session: string;
  holder: string;
}

/** A turn's id begins with the id of its session, which has 20 characters. */
const DANGLING = `SELECT key FROM claims WHERE NOT EXISTS (
  SELECT 1 FROM turns
  WHERE turns.tenant = claims.tenant AND session = substr(target, 1, 20) AND id = substr(target, 21)
)`;
