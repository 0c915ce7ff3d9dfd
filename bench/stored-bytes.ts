import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Gateway, startGateway, temporaryDirectory } from './processes.ts';
import { longTexts, shortTexts, startProseProvider } from './prose-provider.ts';
import type { Bench, Figure, Row, RowResult } from './row.ts';

const TURNS_PER_SESSION = 20;
const LIMIT = 1.3;

export const storedBytes: Row = {
  key: 'f',
  title: 'Bytes stored against bytes of content',
  async measure({ effort }: Bench): Promise<RowResult> {
    const figures: Figure[] = await figuresOf('messages of 1 kB', await longTexts(1_000), effort.storedTurns);
    const notes = [
      'Content: the UTF-8 bytes of all messages, questions and answers. Stored: how much the files have grown after a stop.',
      'The survey (`survey.db`: the words of turns, for search) can be made again from the log. It is part of what is stored.',
    ];
    const short = await shortTexts();
    if (short.length > 0) {
      figures.push(...(await figuresOf('short messages (LoCoMo)', short, effort.storedTurns)));
      const mean = short.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / short.length;
      notes.push(
        `The short messages have ${mean.toFixed(0)} bytes on average. Why the budget is missed for them: each turn stores ids, the model, the times and the provider's usage report. [Performance](performance.md#what-a-turn-stores) has the bytes of each part.`,
      );
    }
    return { figures, notes };
  },
};

/** Every second text is a question; the texts between are the answers. */
async function figuresOf(name: string, texts: readonly string[], turns: number): Promise<Figure[]> {
  const questions = texts.filter((_, n) => n % 2 === 0);
  const provider = startProseProvider(texts.filter((_, n) => n % 2 === 1));
  const dataDir = temporaryDirectory();
  try {
    // An empty database has pages too; they do not count.
    await (await startGateway({ provider: provider.port, dataDir })).stop();
    const empty = sizeOf(dataDir);
    const emptySurvey = sizeOf(dataDir, isOfSurvey);
    const gateway = await startGateway({ provider: provider.port, dataDir });
    const sessions = Math.ceil(turns / TURNS_PER_SESSION);
    const sizes = await Promise.all(
      Array.from({ length: sessions }, (_, session) => {
        const at = (turn: number) => questions[(session * TURNS_PER_SESSION + turn) % questions.length]!;
        return converse(
          gateway,
          `session-${session}`,
          Array.from({ length: TURNS_PER_SESSION }, (__, turn) => at(turn)),
        );
      }),
    );
    await letSurveyFollow(gateway);
    await gateway.stop();
    const content = sizes.reduce((sum, bytes) => sum + bytes, 0);
    const survey = sizeOf(dataDir, isOfSurvey) - emptySurvey;
    return [
      {
        what: `Stored against content, ${name}`,
        value: (sizeOf(dataDir) - empty) / content,
        unit: '×',
        budget: { limit: LIMIT, is: 'at most' },
      },
      { what: `Of it the survey, ${name}`, value: survey / content, unit: '×' },
    ];
  } finally {
    await provider.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Sends one text after the other in a session. Resolves to the bytes of all texts and answers. */
async function converse(gateway: Gateway, session: string, texts: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const text of texts) {
    const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...gateway.headers, 'x-clawhold-session-id': session, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'openai/gpt-5-mini', messages: [{ role: 'user', content: text }] }),
    });
    if (!response.ok) throw new Error(`A turn failed: ${await response.text()}`);
    const completion = (await response.json()) as { choices: { message: { content: string } }[] };
    bytes += Buffer.byteLength(text) + Buffer.byteLength(completion.choices[0]!.message.content);
  }
  return bytes;
}

/** The survey takes turns when it has time; whoever asks it waits until it has all of them. */
async function letSurveyFollow({ port, headers }: Gateway): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/admin/v1/sessions?limit=1`, { headers });
  if (!response.ok) throw new Error(`The survey failed: ${await response.text()}`);
}

const isOfSurvey = (name: string): boolean => name.startsWith('survey.db');

/** All files that count but SQLite's `-shm` file, which is only the index of its log. */
function sizeOf(directory: string, counts: (name: string) => boolean = () => true): number {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('-shm') && counts(entry.name))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
