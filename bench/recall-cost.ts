import { parseArgs } from 'node:util';
import { assemble } from '../src/context/assemble.ts';
import { gloss } from '../src/context/retrieval/gloss.ts';
import type { Passage } from '../src/context/retrieval/passage.ts';
import { PassageIndex } from '../src/context/retrieval/passage-index.ts';
import { historyWindow } from '../src/context/token-budget.ts';
import type { SessionId, TurnId } from '../src/core/ids.ts';
import { type Item, userMessage } from '../src/core/items.ts';
import type { BranchTurn } from '../src/core/turn.ts';
import { type Conversation, readConversations } from './recall/conversation.ts';
import { median, quantile } from './statistics.ts';

/**
 * What recall costs in long sessions: `bun bench/recall-cost.ts --data FOLDER [--data FOLDER…] [--turns 10000,100000]`.
 * `README.md` describes it.
 */
const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true, default: [] },
    turns: { type: 'string', default: '10000' },
  },
});

const DAY_MS = 24 * 3600 * 1000;
/** The length of the vectors that a model is asked for (`turn/past/recall-model.ts`). */
const DIMENSIONS = 512;
const MOST_QUESTIONS = 200;
/** A question is searched for so often; the mean counts. */
const RUNS = 20;
const MOST_HITS = 300;

const used = (): number => {
  Bun.gc(true);
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
};

/** The conversations of a folder one after the other, again and again, until there are so many turns. */
function* turnsOf(conversations: readonly Conversation[], turns: number): Generator<Passage[]> {
  let made = 0;
  let at = Date.UTC(2020, 0, 1);
  for (let round = 0; ; round++) {
    const { passages } = conversations[round % conversations.length]!;
    const start = at - passages[0]!.at;
    let said: Passage[] = [];
    for (const passage of passages) {
      if (said.length > 0 && said[0]!.turn !== passage.turn) {
        yield withId(said, made++, start);
        if (made === turns) return;
        said = [];
      }
      said.push(passage);
    }
    at = start + passages.at(-1)!.at + DAY_MS;
  }
}

const withId = (said: readonly Passage[], number: number, later: number): Passage[] =>
  said.map((passage) => ({ ...passage, turn: idOf(number), at: passage.at + later }));

const SESSION = '0'.repeat(20) as SessionId;
const idOf = (number: number): TurnId => `${SESSION}${String(number).padStart(13, '0')}` as TurnId;

/** The same numbers at every run. */
function randomNumbers(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  };
}

function measureSearch(data: string, conversations: readonly Conversation[], turns: number): void {
  gloss();
  const before = used();
  const index = new PassageIndex(gloss());
  const startedAt = process.cpuUsage();
  let at = 0;
  for (const said of turnsOf(conversations, turns)) {
    index.add(said[0]!.turn, said);
    at = said.at(-1)!.at + DAY_MS;
  }
  const { user, system } = process.cpuUsage(startedAt);
  const bytes = used() - before;
  const questions = conversations.flatMap((one) => one.questions.map(({ text }) => text));
  const step = Math.max(1, Math.floor(questions.length / MOST_QUESTIONS));
  const asked = questions.filter((_, number) => number % step === 0);
  const label = `${data}, ${turns.toLocaleString('en')} turns`;
  report(
    `${label}: index`,
    `${Math.round(bytes / turns)} bytes and ${((user + system) / turns / 1000).toFixed(3)} ms of CPU per turn`,
  );
  searches(`${label}: search`, asked, (question) => index.search({ texts: [question], at }, MOST_HITS));
  const random = randomNumbers();
  const vector = () => Int8Array.from({ length: DIMENSIONS }, () => Math.round(100 * random()));
  for (let number = 0; number < index.table.size; number++) index.setVector(number, vector());
  const query = Float32Array.from({ length: DIMENSIONS }, random);
  report(`${label}: vectors`, `${Math.round(index.vectors!.bytes / turns)} bytes per turn`);
  searches(`${label}: search with vectors`, asked, (question) =>
    index.search({ texts: [question], at, vector: query }, MOST_HITS),
  );
}

/** In CPU time, because other programs run on the machine. */
function searches(label: string, questions: readonly string[], search: (question: string) => unknown): void {
  for (const question of questions) search(question);
  const times = questions.map((question) => cpuOf(() => search(question), RUNS) / 1000);
  report(
    label,
    `p50 ${median(times).toFixed(2)} ms, p99 ${quantile(times, 0.99).toFixed(2)} ms of CPU, ${questions.length} questions`,
  );
}

/** Microseconds of CPU of one run, with the share of the threads that collect garbage. */
function cpuOf(work: () => unknown, runs: number): number {
  const startedAt = process.cpuUsage();
  for (let run = 0; run < runs; run++) work();
  const { user, system } = process.cpuUsage(startedAt);
  return (user + system) / runs;
}

const report = (what: string, value: string): void => console.log(`| ${what} | ${value} |`);

/** A prompt without retrieval: from the part of the branch that the window reaches, as the gateway reads it. */
function measureAssembly(lengths: readonly number[]): void {
  const budget = { context: 8_000, answer: 100, policy: 'truncate' as const };
  const window = historyWindow(budget);
  const text = 'The road went up through the pines to the old customs house. '.repeat(20);
  const input = [userMessage(text)];
  const answer: Item = {
    ...{ type: 'message', role: 'assistant', status: 'completed' },
    content: [{ type: 'output_text', text, annotations: [] }],
  };
  const tokens = 500;
  for (const length of lengths) {
    const reached = Math.min(length - 1, Math.ceil(window / tokens) + 1);
    const branch = Array.from({ length: reached }, (_, at): BranchTurn => {
      const number = length - 1 - reached + at;
      const parent = number === 0 ? null : idOf(number - 1);
      const turn = { kind: 'ask', id: idOf(number), parent, input, output: [answer], metadata: {} };
      return {
        ...{ turn: turn as unknown as BranchTurn['turn'], tokens, digest: '', hidden: [] },
        totalTokens: tokens * (number + 1),
      };
    });
    const work = () => assemble({ branch, input, settings: {}, budget, open: () => undefined });
    for (let run = 0; run < 500; run++) work();
    const times = Array.from({ length: 20 }, () => cpuOf(work, 500));
    report(
      `assembly at turn ${length.toLocaleString('en')}`,
      `${median(times).toFixed(1)} µs, ${work().keptTurns} turns`,
    );
  }
}

console.log('| what | measured |\n|---|---|');
measureAssembly([10, 1_000, 10_000, 100_000]);
for (const folder of values.data) {
  const conversations = readConversations(folder);
  for (const turns of values.turns.split(',').map(Number))
    measureSearch(conversations[0]!.data, conversations, turns);
}
