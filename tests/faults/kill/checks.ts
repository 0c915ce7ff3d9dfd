import { Database } from 'bun:sqlite';
import { join } from 'node:path';
import { responseId } from '../../../src/core/ids.ts';
import type { Turn } from '../../../src/core/turn.ts';
import { branchOf, journalFiles, type RecordedSession, readJournal, saidOn, textOf } from '../recorded.ts';
import type { Call } from './calls.ts';
import { isBackground, isStream } from './manner.ts';
import type { Question } from './question.ts';
import type { Recovery } from './site.ts';
import type { Talk } from './talk.ts';

/** What is wrong, in words; each check returns all that it finds. */
type Problems = string[];

/** What a client was told of its question against what a model says, the log holds and providers were asked. */
export interface Facts {
  question: Question;
  /** The turns of the talk's session that were asked this. */
  found: readonly Turn[];
  calls: readonly Call[];
  /** The kills that the question has lived through. */
  kills: number;
  recovery: Recovery;
}

export function checkQuestion(facts: Facts): Problems {
  const { question, recovery } = facts;
  const problems = [...question.problems, ...checkLogged(facts), ...checkCalls(facts), ...checkBill(facts)];
  const { text, answer, end, refusals } = question;
  if (end === 'completed' && text !== answer) problems.push(`the client has "${text}"`);
  if (!answer.startsWith(text)) problems.push(`the client has what was never said: "${text}"`);
  if (end !== 'completed' && recovery === 'rescue') problems.push(`the turn ended as ${end}`);
  if (recovery === 'rescue' && refusals.length > 0) problems.push(`refused: ${refusals.join(', ')}`);
  return problems;
}

function checkLogged({ question, found, recovery }: Facts): Problems {
  const problems: Problems = [];
  // A turn that came to nothing is kept, and its client may ask for another one.
  const spoken = found.filter(({ state, output }) => state !== 'incomplete' || output.length > 0);
  const mayBeEmpty = recovery === 'close' && spoken.length <= 1;
  const turn = question.text === '' ? found.at(-1) : spoken[0];
  if (found.length > 1 && !mayBeEmpty) problems.push('it is in the log more than once');
  if (!turn) return [...problems, 'the turn is lost'];
  const text = textOf(turn.output);
  if (text !== question.text) problems.push(`the log has "${text}" and the client "${question.text}"`);
  if (turn.state !== question.end)
    problems.push(`it is ${turn.state} in the log and ${question.end} to its client`);
  if (responseId(turn.id) !== `resp_${question.id}`) problems.push(`the log has it as ${turn.id}`);
  return problems;
}

/** A provider is sent what was said, and the beginning of the answer where it is to go on with one. */
function checkCalls({ question, calls, kills }: Facts): Problems {
  const problems: Problems = [];
  const most = (question.wish.calls ?? 1) * (kills + 1);
  if (calls.length > most) problems.push(`${calls.length} calls were made, ${most} at most are in order`);
  if (calls.length === 0) problems.push('no call was made');
  for (const { context } of calls) {
    const asked = context.slice(0, question.context.length);
    if (
      !Bun.deepEquals(asked, question.context) ||
      !isBeginning(context.slice(asked.length), question.answer)
    )
      problems.push(`the provider was sent ${JSON.stringify(context)}`);
  }
  return problems;
}

interface Bill {
  usage?: { total_tokens: number; prompt_tokens?: number; input_tokens?: number };
  clawhold?: { attempts: { input_tokens: number; output_tokens: number }[] };
}

/** Where an answer is of several calls, each is told, and the sum is what is billed. */
function checkBill({ question, calls }: Facts): Problems {
  const { usage, clawhold } = (question.whole ?? {}) as Bill;
  if (!usage) return [];
  const isJoined = calls.some(({ context }) => context.length > question.context.length);
  if (isJoined && !clawhold) return ['the calls behind the answer are not told'];
  const sum = clawhold?.attempts.reduce((tokens, call) => tokens + call.input_tokens + call.output_tokens, 0);
  return sum === undefined || sum === usage.total_tokens
    ? []
    : [`${sum} tokens were used, ${usage.total_tokens} are billed`];
}

function isBeginning([said, instruction, ...rest]: string[], answer: string): boolean {
  if (said === undefined) return true;
  const isAsked = instruction === undefined || /continue it exactly where it breaks off/i.test(instruction);
  return said !== '' && answer.startsWith(said) && isAsked && rest.length === 0;
}

/** The whole conversation is in the log, once and in order. */
export function checkTalk(talk: Talk, session: RecordedSession): Problems {
  if (talk.manner.state === 'none') return [];
  const ids = session.turns.map(({ id }) => id);
  if (session.head && !ids.includes(session.head)) return [`${talk.name}: the last turn is lost`];
  const said = saidOn(branchOf(session));
  return Bun.deepEquals(said, talk.history) ? [] : [`${talk.name}: the branch says ${JSON.stringify(said)}`];
}

/** A question that is asked again gets what it got before, and is not worked on again. */
export async function checkAgain(talk: Talk, question: Question): Promise<Problems> {
  const { client, manner } = talk;
  const { replayed, question: again } = await client.again(question);
  const problems = replayed ? [] : ['asked again, it was done again'];
  for (const twin of [again, ...question.twins]) {
    // Who asks for a turn that runs on by itself is told that it will be answered.
    const isPromise = twin.end === undefined && (isBackground(manner) || question.deferred);
    if (!isPromise) problems.push(...differences('asked again', question, twin));
    else if (twin.id !== question.id) problems.push(`asked again, it is ${twin.id}`);
  }
  if (manner.state === 'none') return problems;
  const middle = Math.floor(Math.random() * question.events.length);
  for (const from of isStream(manner) ? [0, middle] : [0]) {
    const fetched = await client.fetch(question, from);
    problems.push(...differences(`fetched from ${from} on`, question, fetched));
  }
  return problems;
}

/** Everything that a client has of a turn is the same at any time, to the byte. */
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

/** What dead processes and ended turns have left behind, once nothing runs any more. */
export function leftovers(dataDir: string): Problems {
  const files = journalFiles(dataDir);
  const instances = new Set(files.map((name) => name.slice(0, 36)));
  const problems: Problems = [];
  if (instances.size > 1) problems.push(`files of dead instances: ${files.join(' ')}`);
  if (files.filter((name) => name.endsWith('.log')).length > 1) problems.push(`segments: ${files.join(' ')}`);
  const open = [...readJournal(dataDir).values()].map(({ asked }) => asked);
  if (open.length > 0) problems.push(`unfinished in the journal: ${open.join(' | ')}`);
  const database = new Database(join(dataDir, 'clawhold.db'), { readonly: true });
  try {
    for (const { session, holder } of database.query<Lease, []>('SELECT * FROM leases').all())
      problems.push(`a lease of ${session}, held by ${holder}`);
    for (const { key } of database.query<{ key: string }, []>(DANGLING).all())
      problems.push(`a claim of nothing: ${key}`);
  } finally {
    database.close();
  }
  return problems;
}

interface Lease {
  session: string;
  holder: string;
}

/** A turn's id begins with its session's, of 20 characters. */
const DANGLING = `SELECT key FROM claims WHERE NOT EXISTS (
  SELECT 1 FROM turns
  WHERE turns.tenant = claims.tenant AND session = substr(target, 1, 20) AND id = substr(target, 21)
)`;
