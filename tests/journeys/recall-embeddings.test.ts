import { Database } from 'bun:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { temporaryDirectory } from '../harness/gateway.ts';
import { inSession, type Journey, startJourney } from '../harness/journey.ts';
import { sent } from '../harness/upstream.ts';
import { asJson, asList } from '../simulators/provider/shape.ts';

const yamlWith = (embeddings?: string) => `context: ${embeddings ? `{ embeddings: ${embeddings} }` : '{}'}
claws:
  openai:
    models: [{ id: say-5, context: 8000 }, { id: say-5+wide, context: 400000 }]
  anthropic:
    models: [{ id: say-5, context: 8000 }]
`;
const MODEL = 'openai/text-embedding-3-small';

/** No two of them have a word in common, so that they find only themselves. */
const fillerOf = (turn: number) => Array.from({ length: 120 }, (_, at) => `w${turn}x${at}`).join(' ');
/** The question has no word of the answer: only the simulator's model knows that a qorvu is a cat. */
const FACT = 'Qorvu: Mimi. Tazzel: Okafor.';
const QUESTION = 'Name the cat, doctor?';
const TURNS = 60;

let journey: Journey;
let session: string;
beforeEach(() => {
  session = crypto.randomUUID();
});

const say = (content: string, model = 'openai/say-5', name = session) =>
  journey.client.chat.completions
    .create({ model, messages: [{ role: 'user', content }], max_tokens: 100 }, inSession(name))
    .withResponse();

async function fill(model?: string): Promise<void> {
  await say(FACT, model);
  for (let turn = 0; turn < TURNS; turn++) await say(fillerOf(turn), model);
}

const promptOf = () => sent(journey.provider.requests.at(-1)).join('\n');
const embedded = () => journey.provider.embeddings.flatMap(({ texts }) => texts);
const file = () => join(journey.gateway.dataDir, 'derived.db');

interface Row {
  turn: string;
  passage: string;
  model: string;
  size: number;
}

function rows(): Row[] {
  if (!existsSync(file())) return [];
  const db = new Database(file(), { readonly: true });
  try {
    return db.query<Row, []>('SELECT turn, passage, model, length(vector) AS size FROM vectors').all();
  } catch {
    // The file is being made.
    return [];
  } finally {
    db.close();
  }
}

/** Each turn has a message and an answer. */
const allEmbedded = (turns = TURNS + 1) =>
  eventually('all passages have vectors', rows, (found) => found.length === 2 * turns);

describe('with an embedding model', () => {
  beforeEach(async () => {
    journey = await startJourney({ yaml: yamlWith(MODEL) });
  });
  afterEach(() => journey.end());

  test('what is said in other words is found, from vectors that are made in the background', async () => {
    await fill();
    await allEmbedded();
    await say(QUESTION);
    expect(promptOf().includes(FACT)).toBe(true);
    expect(embedded()).toContain(FACT);
    expect(embedded().some((text) => text === QUESTION)).toBe(true);
    expect(new Set(rows().map(({ size }) => size))).toEqual(new Set([512]));
    expect(new Set(rows().map(({ model }) => model))).toEqual(new Set([`${MODEL} 512`]));
    // No passage twice.
    expect(embedded().filter((text) => text === FACT)).toHaveLength(1);
  });

  test('a session that fits its models is not sent anywhere', async () => {
    for (let turn = 0; turn < 5; turn++) await say(fillerOf(turn), 'openai/say-5+wide');
    await Bun.sleep(50);
    expect(journey.provider.embeddings).toHaveLength(0);
    expect(existsSync(file())).toBe(false);
  });

  test('a deleted item and a deleted session leave the vectors', async () => {
    await fill();
    await allEmbedded();
    const items = asList(
      asJson(
        await (await journey.gateway.fetch(`/v1/conversations/${session}/items?order=asc&limit=1`)).json(),
      ).data,
    );
    const turn = rows()[0]!.turn;
    const deleted = await journey.gateway.fetch(
      `/v1/conversations/${session}/items/${String(items[0]!.id)}`,
      {
        method: 'DELETE',
      },
    );
    expect(deleted.status).toBe(200);
    expect(rows().some((row) => row.turn === turn && row.passage.startsWith('i0'))).toBe(false);
    await say(QUESTION);
    expect(promptOf()).not.toContain('Mimi');
    // The answer of the turn is embedded again, the message is not.
    await say('And now?');
    const left = () => rows().filter((row) => row.turn === turn);
    await eventually('the answer is embedded', left, (found) => found.length > 0);
    expect(left().map(({ passage }) => passage)).toEqual(['o0.0']);
    await journey.gateway.fetch(`/v1/conversations/${session}`, { method: 'DELETE' });
    expect(rows()).toHaveLength(0);
  });

  test('a session that the operator erases leaves the vectors', async () => {
    await fill();
    await allEmbedded();
    const [{ turn } = { turn: '' }] = rows();
    const path = `/admin/v1/sessions/conv_${turn.slice(0, 20)}?erase=true`;
    expect((await journey.gateway.fetch(path, { method: 'DELETE' })).status).toBe(200);
    expect(rows()).toHaveLength(0);
  });

  test('a fork never sees what another branch said', async () => {
    await fill();
    const { response } = await say('This is where both branches begin.');
    const from = response.headers.get('x-clawhold-response-id');
    await say('The secret is the qorvu Zora.');
    await allEmbedded(TURNS + 3);
    const ask = (previous: string | null) =>
      journey.gateway.post('/v1/responses', {
        ...{ model: 'openai/say-5', input: QUESTION, previous_response_id: previous, max_output_tokens: 100 },
        truncation: 'auto',
      });
    expect((await ask(from)).status).toBe(200);
    expect(promptOf()).toContain('Mimi');
    expect(promptOf()).not.toContain('Zora');
    await say(QUESTION);
    expect(promptOf()).toContain('Zora');
  });

  test('without its file, the vectors are made again', async () => {
    await journey.end();
    const dataDir = temporaryDirectory();
    journey = await startJourney({ yaml: yamlWith(MODEL), dataDir });
    await fill();
    await allEmbedded();
    await journey.end();
    for (const suffix of ['', '-wal', '-shm']) rmSync(file() + suffix, { force: true });
    journey = await startJourney({ yaml: yamlWith(MODEL), dataDir });
    await say('Another day.');
    await allEmbedded(TURNS + 2);
    await journey.end();
    rmSync(dataDir, { recursive: true });
  });
});

describe('a provider that fails', () => {
  afterEach(() => journey.end());

  test.each([
    'openai/status-500',
    'openai/status-401',
    'openai/delay-5000',
    'openai/wrong-shape',
    'openai/status-400',
  ])('%s: turns go on with words', async (model) => {
    journey = await startJourney({ yaml: yamlWith(model) });
    await fill();
    const startedAt = performance.now();
    await say('Who is the qorvu, Mimi?');
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(promptOf().includes(FACT)).toBe(true);
    expect(rows()).toHaveLength(0);
  });

  test('is tried again: nothing is lost when it comes back', async () => {
    journey = await startJourney({ yaml: yamlWith('openai/once-status-503') });
    await fill();
    await allEmbedded();
  }, 20_000);
});

test('without an embedding model, words that nobody said find nothing', async () => {
  journey = await startJourney({ yaml: yamlWith() });
  await fill();
  await say(QUESTION);
  expect(promptOf().includes(FACT)).toBe(false);
  expect(existsSync(file())).toBe(false);
  await journey.end();
});

describe('without a provider', () => {
  beforeAll(async () => {
    journey = await startJourney({ yaml: yamlWith('local/gloss') });
  });
  afterAll(() => journey.end());

  test('local/gloss embeds', async () => {
    await fill();
    await allEmbedded();
    expect(journey.provider.embeddings).toHaveLength(0);
    await say('Who is Mimi?');
    expect(promptOf().includes(FACT)).toBe(true);
  });
});
