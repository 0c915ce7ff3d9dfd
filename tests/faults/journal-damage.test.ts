import { afterAll, afterEach, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';

const provider = startProvider();
const dataDirs: string[] = [];
afterAll(() => {
  provider.stop();
  for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true });
});

const started: SpawnedGateway[] = [];
afterEach(async () => {
  for (const gateway of started.splice(0)) await gateway.stop();
});

async function start(dataDir: string): Promise<SpawnedGateway> {
  const gateway = await spawnGateway({ provider: provider.url, dataDir });
  started.push(gateway);
  return gateway;
}

function newDirectory(): string {
  const dataDir = temporaryDirectory();
  dataDirs.push(dataDir);
  return dataDir;
}

interface StoredResponse {
  status: string;
  error: { code: string } | null;
  output: { content: { text: string }[] }[];
}

const readResponse = async (gateway: SpawnedGateway, id: string) =>
  (await (await gateway.fetch(`/v1/responses/${id}`)).json()) as StoredResponse;

const ended = (gateway: SpawnedGateway, id: string) =>
  eventually(
    'the turn has ended',
    () => readResponse(gateway, id),
    ({ status }) => status !== 'in_progress' && status !== 'queued',
  );

const textOf = ({ output }: StoredResponse) => output.map(({ content }) => content[0]?.text ?? '').join('');

/** Starts a turn that stands still after `word4`. */
async function beginTurn(gateway: SpawnedGateway, delivery: 'stream' | 'background', model: string) {
  const body = {
    model,
    input: 'Hello',
    stream: delivery === 'stream',
    background: delivery === 'background',
  };
  const reply = await gateway.post('/v1/responses', body);
  const id = reply.headers.get('x-clawhold-response-id')!;
  await eventually(
    'four words are journaled',
    () => journalOf(gateway.dataDir),
    (text) => text.includes('word4'),
  );
  return id;
}

const journalFiles = (dataDir: string) =>
  readdirSync(join(dataDir, 'journal'))
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(dataDir, 'journal', name));

const journalOf = (dataDir: string) =>
  journalFiles(dataDir)
    .map((path) => readFileSync(path, 'utf8'))
    .join('');

describe.each(['stream', 'background'] as const)(
  'a turn (%s) with a damaged line in its journal',
  (delivery) => {
    test('is incomplete, keeps what came before, and is an error in the log', async () => {
      const dataDir = newDirectory();
      const first = await start(dataDir);
      const id = await beginTurn(first, delivery, 'groq/say-8+pace-5+stall-4');
      await first.kill();
      for (const path of journalFiles(dataDir))
        writeFileSync(path, readFileSync(path, 'utf8').replace('word3', 'wrod3'));
      const second = await start(dataDir);
      const response = await ended(second, id);
      expect(response).toMatchObject({ status: 'incomplete' });
      // Words that came together are in one line.
      expect(textOf(response).trim()).toMatch(/^word1( word2)?$/);
      await eventually(
        'the damage is logged',
        () => second.log(),
        (log) => log.includes('"msg":"journal damaged"') && log.includes(id.replace('resp_', '')),
      );
    }, 30_000);
  },
);

describe('deaths of the gateway', () => {
  test('more of them than rescues do not end a turn; ten do', async () => {
    const dataDir = newDirectory();
    let gateway = await start(dataDir);
    const id = await beginTurn(gateway, 'background', 'groq/say-8+pace-5+stall-4');
    for (let deaths = 1; deaths <= 10; deaths++) {
      await gateway.kill();
      gateway = await start(dataDir);
      const { status } = deaths < 10 ? await readResponse(gateway, id) : await ended(gateway, id);
      expect(status).toBe(deaths < 10 ? 'in_progress' : 'incomplete');
      // The next death comes while the turn is being answered.
      if (deaths < 10) await Bun.sleep(50);
    }
    expect(textOf(await readResponse(gateway, id))).toStartWith('word1 word2 word3 word4');
  }, 60_000);
});
