import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Gateway, startGateway, temporaryDirectory } from './processes.ts';
import type { Bench, Figure, Row, RowResult } from './row.ts';

const LOCOMO = join(import.meta.dir, '../../shared/data/locomo');
const TURNS_PER_SESSION = 20;
/** About a kilobyte of answer. */
const MODEL = 'openai/say-130';
const LIMIT = 1.3;

/** What the callers' sessions say: one list of messages for each. */
type Talk = { model: string; sessions: string[][] };

export const storedBytes: Row = {
  key: 'f',
  title: 'Bytes stored against bytes of content',
  async measure(bench: Bench): Promise<RowResult> {
    const figures: Figure[] = [
      await figure(bench, 'messages of 1 kB', ordinaryTalk(bench.effort.storedTurns)),
    ];
    const notes = [
      'Content: the UTF-8 bytes of all messages, both sides. Stored: every file left after a stop.',
    ];
    if (existsSync(LOCOMO)) {
      const talk = await shortTalk(bench.effort.storedTurns);
      figures.push(await figure(bench, 'short messages (LoCoMo)', talk));
      const sizes = talk.sessions.flat().map((text) => Buffer.byteLength(text));
      const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
      notes.push(
        `The short messages have ${mean.toFixed(0)} bytes on average; each turn's fixed part weighs more there.`,
      );
    }
    return { figures, notes };
  },
};

async function figure(bench: Bench, name: string, talk: Talk): Promise<Figure> {
  const dataDir = temporaryDirectory();
  try {
    const gateway = await startGateway({ provider: bench.simulator.port, dataDir });
    const empty = await sizeOfEmpty(bench);
    const spoken = await Promise.all(
      talk.sessions.map((texts, n) => speak(gateway, talk.model, `talk-${n}`, texts)),
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
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** A database without a row has pages, too. */
async function sizeOfEmpty(bench: Bench): Promise<number> {
  const dataDir = temporaryDirectory();
  const gateway = await startGateway({ provider: bench.simulator.port, dataDir });
  await gateway.stop();
  const size = sizeOf(dataDir);
  rmSync(dataDir, { recursive: true, force: true });
  return size;
}

/** Says one text after the other in a session; resolves to the bytes said and answered. */
async function speak(gateway: Gateway, model: string, session: string, texts: string[]): Promise<number> {
  let bytes = 0;
  for (const text of texts) {
    const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...gateway.headers, 'x-clawhold-session-id': session, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: text }] }),
    });
    if (!response.ok) throw new Error(`A turn failed: ${await response.text()}`);
    const completion = (await response.json()) as { choices: { message: { content: string } }[] };
    bytes += Buffer.byteLength(text) + Buffer.byteLength(completion.choices[0]!.message.content);
  }
  return bytes;
}

function ordinaryTalk(turns: number): Talk {
  const sentence =
    'We would like to know whether the huts on that route are open in May, and how one books them. ';
  const text = (n: number) => `Question ${n}. ${sentence.repeat(10)}`;
  const sessions = Array.from({ length: Math.ceil(turns / TURNS_PER_SESSION) }, (_, session) =>
    Array.from({ length: TURNS_PER_SESSION }, (__, turn) => text(session * TURNS_PER_SESSION + turn)),
  );
  return { model: MODEL, sessions };
}

/** People's chat messages; the answers repeat them. */
async function shortTalk(turns: number): Promise<Talk> {
  const files = readdirSync(LOCOMO).filter((name) => name.endsWith('.json'));
  const sessions = await Promise.all(
    files.map(async (name) => {
      const talk = (await Bun.file(join(LOCOMO, name)).json()) as Record<string, unknown>;
      const texts = Object.values(talk)
        .filter((part) => Array.isArray(part))
        .flat() as { text?: string }[];
      return texts.flatMap(({ text }) => text || []).slice(0, Math.ceil(turns / files.length));
    }),
  );
  return { model: 'openai/echo', sessions };
}

function sizeOf(directory: string): number {
  const entries = readdirSync(directory, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
