/**
 * A process that journals turns in the data folder named on the command line until it is killed. It ends a fifth
 * of the turns that its predecessors left and goes on with the others; beside that, four turns run at a time and
 * get nine deltas each, one of them begins again in the middle, and every seventh turn never ends. A turn's
 * metadata says how often it has begun, and its deltas say so too and are numbered.
 *
 * Prints its id (`instance <id>`), then what was accepted (`begin <turn> <time>`, `delta <turn> <number>`,
 * `end <turn>`) and `refused` for what was not, then `done` if a number of rounds was given.
 */
import { Fault } from '../../../src/core/errors.ts';
import type { JournaledIntent, Unfinished } from '../../../src/session/journal.ts';
import { MemoryStore } from '../../../src/stores/memory/store.ts';
import { anIntent, textDelta } from '../journal.ts';
import { startFileProcess } from '../shared-journals.ts';

const [dataDir = '', segmentBytes = '', rounds = 'Infinity'] = process.argv.slice(2);
const { members, journal } = await startFileProcess(dataDir, new MemoryStore(), Number(segmentBytes));
let printed = `instance ${members.self}\n`;

function accepted(what: string, write: () => void): boolean {
  try {
    write();
    printed += `${what}\n`;
    return true;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'store_unavailable') throw error;
    printed += 'refused\n';
    return false;
  }
}

function begin(intent: JournaledIntent): Unfinished | undefined {
  const { id, metadata } = intent;
  if (accepted(`begin ${id} ${metadata.time}`, () => journal.begin(intent))) return { intent, deltas: [] };
}

function beginAgain(turn: Unfinished): void {
  const time = String(Number(turn.intent.metadata.time) + 1);
  Object.assign(turn, begin({ ...turn.intent, metadata: { time } }));
}

function say({ intent: { id, metadata }, deltas }: Unfinished): void {
  const delta = textDelta(`${metadata.time} ${deltas.length} ${'and so on '.repeat(8)}`);
  if (accepted(`delta ${id} ${deltas.length}`, () => journal.append(id, [delta]))) deltas.push(delta);
}

function end({ intent: { id } }: Unfinished): void {
  accepted(`end ${id}`, () => journal.end(id));
}

const turns = await journal.inherit();
const inherited = turns.slice(Math.floor(turns.length / 5));
for (const turn of turns) if (!inherited.includes(turn)) end(turn);
for (let round = 0; round < Number(rounds); round++) {
  const intents = Array.from({ length: 4 }, (_, place) => anIntent(4 * round + place));
  const begun = intents.flatMap((intent) => begin({ ...intent, metadata: { time: '1' } }) ?? []);
  for (let n = 0; n < 9; n++) {
    if (n === 4 && begun[3]) beginAgain(begun[3]);
    for (const turn of begun) say(turn);
  }
  for (const turn of inherited) say(turn);
  const next = inherited[round % inherited.length];
  if (next) beginAgain(next);
  for (const turn of begun) if (turn.intent.createdAt % 7 !== 0) end(turn);
  process.stdout.write(printed);
  printed = '';
  if (round % 10 === 0) await Bun.sleep(1);
}
console.log(`${printed}done`);
await Bun.sleep(60_000);
