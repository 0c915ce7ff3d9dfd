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
    const figures: Figure[] = [await figure('messages of 1 kB', await longTexts(1_000), effort.storedTurns)];
    const notes = [
      'Content: the UTF-8 bytes of all messages, both sides. Stored: what the files have grown by after a stop.',
    ];
    const short = await shortTexts();
    if (short.length > 0) {
      figures.push(await figure('short messages (LoCoMo)', short, effort.storedTurns));
      const mean = short.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / short.length;
      notes.push(
        `The short messages have ${mean.toFixed(0)} bytes on average. Why the budget is missed for them: who answered, when, the provider's own usage, ids and keys are about half a kilobyte a turn, compressed.`,
      );
    }
    return { figures, notes };
  },
};

/** Texts are said and answered in turn. */
async function figure(name: string, texts: readonly string[], turns: number): Promise<Figure> {
  const questions = texts.filter((_, n) => n % 2 === 0);
  const provider = startProseProvider(texts.filter((_, n) => n % 2 === 1));
  const dataDir = temporaryDirectory();
  try {
    // A database without a row has pages, too.
    await (await startGateway({ provider: provider.port, dataDir })).stop();
    const empty = sizeOf(dataDir);
    const gateway = await startGateway({ provider: provider.port, dataDir });
    const sessions = Math.ceil(turns / TURNS_PER_SESSION);
    const spoken = await Promise.all(
      Array.from({ length: sessions }, (_, session) => {
        const at = (turn: number) => questions[(session * TURNS_PER_SESSION + turn) % questions.length]!;
        return speak(
          gateway,
          `talk-${session}`,
          Array.from({ length: TURNS_PER_SESSION }, (__, turn) => at(turn)),
        );
      }),
    );
    await gateway.stop();
    const content = spoken.reduce((sum, bytes) => sum + bytes, 0);
    return {
      what: `Stored against content, ${name}`,
      value: (sizeOf(dataDir) - empty) / content,
      unit: '×',
      budget: { limit: LIMIT, is: 'at most' },
    };
  } finally {
    await provider.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Says one text after the other in a session; resolves to the bytes said and answered. */
async function speak(gateway: Gateway, session: string, texts: readonly string[]): Promise<number> {
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

/** Less the index of SQLite's log, which is shared memory and holds nothing. */
function sizeOf(directory: string): number {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('-shm'))
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
