import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { choosePins } from '../src/context/pins/choose.ts';
import { statementsIn } from '../src/context/pins/find.ts';
import {
  extendPins,
  NO_PINS,
  type Pin,
  type PinState,
  type SaidStatement,
} from '../src/context/pins/fold.ts';
import { PIN_SHARE } from '../src/context/recalled.ts';

/**
 * How many of the instructions and preferences that questions ask for are pinned, and how many other things are.
 * `npm run bench:pins -- --data DIR [--verbose]`, where DIR has chats as JSON: `messages` (`id`, `role`, `content`)
 * and `questions` (`category`, `question`, `evidence`: ids of messages). Other files of the folder are skipped.
 */

interface Chat {
  messages: { id: number; role: 'user' | 'assistant'; content: string }[];
  questions: { category: string; question: string; evidence: number[] }[];
}

const CATEGORIES = ['instruction_following', 'preference_following'];
const BUDGET = 8_000;

const { values } = parseArgs({
  options: {
    data: { type: 'string', multiple: true },
    only: { type: 'string' },
    verbose: { type: 'boolean' },
  },
});

const total = new Map<string, number[][]>();
for (const folder of values.data ?? []) {
  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()) {
    if (values.only && !values.only.split(',').some((name) => file.includes(name))) continue;
    const chat = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Partial<Chat>;
    if (chat.messages && chat.questions) measure(file, chat as Chat);
  }
}
for (const [category, shares] of total) console.log(`all    ${category}: ${described(shares)}`);

function measure(file: string, { messages, questions }: Chat): void {
  const began = performance.now();
  let pins: PinState = NO_PINS;
  let statements = 0;
  for (const { id, role, content } of messages) {
    const said: SaidStatement[] = statementsIn(content, role).map((statement, index) => ({
      statement,
      source: { turn: String(id), item: 0 },
      index,
    }));
    statements += said.length;
    if (values.verbose)
      for (const { statement } of said)
        console.log(`  ${id} ${statement.kind} ${statement.polarity}: ${statement.text}`);
    pins = extendPins(pins, said);
  }
  const took = performance.now() - began;
  const users = messages.filter(({ role }) => role === 'user').length;
  const tokens = pins.reduce((sum, pin) => sum + pin.tokens, 0);
  const kinds = Map.groupBy(pins, ({ statement }) => statement.kind);
  const counts = [...kinds].map(([kind, { length }]) => `${length} ${kind}s`).join(', ');
  console.log(
    `${file}: ${pins.length} pins (${counts}), ${tokens} tokens; ${((100 * statements) / users).toFixed(1)} statements per 100 user messages (${users}); ${took.toFixed(0)} ms`,
  );
  for (const category of CATEGORIES) {
    const shares = questions.filter((each) => each.category === category).map((each) => sharesOf(pins, each));
    if (shares.length === 0) continue;
    console.log(`  ${category}: ${described(shares)}`);
    total.set(category, [...(total.get(category) ?? []), ...shares]);
  }
}

/** Of the evidence of a question: share in all pins, share in the chosen pins, and the same as "any of it". */
function sharesOf(pins: PinState, { question, evidence }: Chat['questions'][number]): number[] {
  const chosen = choosePins(pins, BUDGET * PIN_SHARE, question);
  const [all, fit] = [pins, chosen].map((some) => {
    const sources = new Set(some.flatMap(sourcesOf));
    return evidence.filter((id) => sources.has(String(id))).length / evidence.length;
  }) as [number, number];
  if (values.verbose)
    console.log(
      `  ? ${question} → ${evidence} (${all.toFixed(2)} pinned, ${fit.toFixed(2)} chosen of ${chosen.length})`,
    );
  return [all, fit, Math.ceil(all), Math.ceil(fit)];
}

function sourcesOf({ source, repeats }: Pin): string[] {
  return [source, ...repeats].map(({ turn }) => turn);
}

function described(shares: number[][]): string {
  const [all, fit, anyAll, anyFit] = [0, 1, 2, 3].map((column) =>
    ((100 * shares.reduce((sum, row) => sum + row[column]!, 0)) / shares.length).toFixed(0),
  );
  return `a message with evidence pinned ${anyAll} %, in the prompt of ${BUDGET / 1_000}k ${anyFit} %; share of evidence ${all} %, ${fit} % (${shares.length} questions)`;
}
