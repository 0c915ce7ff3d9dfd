import { Database } from 'bun:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import {
  type SpawnedGateway,
  spawnGateway,
  type TestGateway,
  temporaryDirectory,
  testGateway,
} from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { startProcess } from './gateway-process.ts';
import { branchOf, readLog, textOf, textsOn } from './recorded.ts';
import { TinyDisk } from './tiny-disk.ts';
import { Upstream, until } from './upstream.ts';

const upstream = new Upstream(startProvider());
const provider = upstream.provider.url;
const directories: string[] = [];
afterAll(() => {
  upstream.provider.stop();
  for (const directory of directories) rmSync(directory, { recursive: true });
});

function directory(): string {
  const made = temporaryDirectory();
  directories.push(made);
  return made;
}

function send(to: TestGateway, session: string, text: string, stream = false, behaviour = 'echo') {
  const body = { model: `groq/${behaviour}`, stream, messages: [{ role: 'user', content: text }] };
  return to.post('/v1/chat/completions', body, { 'x-session-id': session });
}

interface Damage {
  what: string;
  inflict(path: string): void;
  /** The parts of the error message: what is wrong, and what to do. */
  fault: RegExp;
  remedy: RegExp;
}

const overwrite = (path: string, change: (bytes: Buffer) => void) => {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
};

const withDatabase = (path: string, sql: string) => {
  const db = new Database(path);
  db.run('PRAGMA journal_mode = DELETE');
  db.run(sql);
  db.close();
};

const RESTORE = /Restore it from a backup, or move it away/;

const DAMAGES: Damage[] = [
  {
    what: 'is a text file',
    inflict: (path) => writeFileSync(path, 'Dear diary, '.repeat(2000)),
    fault: /is not an SQLite database/,
    remedy: RESTORE,
  },
  {
    what: 'belongs to another program',
    inflict: (path) => {
      rmSync(path);
      withDatabase(path, 'CREATE TABLE diary (day TEXT)');
    },
    fault: /belongs to another application/,
    remedy: /Choose another path for the database, or move this file away/,
  },
  {
    what: 'was written by a newer version',
    inflict: (path) => withDatabase(path, 'PRAGMA user_version = 4711'),
    fault: /has schema version 4711/,
    remedy: /Start the newer program that wrote it, or restore an older backup/,
  },
  {
    what: 'has lost its first bytes',
    inflict: (path) => overwrite(path, (bytes) => bytes.fill(0, 0, 16)),
    fault: /first bytes are damaged/,
    remedy: RESTORE,
  },
  {
    what: 'has lost its end',
    inflict: (path) => truncateSync(path, readFileSync(path).length / 2),
    fault: /is damaged/,
    remedy: RESTORE,
  },
  {
    what: 'has garbage after its first page',
    inflict: (path) => overwrite(path, (bytes) => bytes.fill(0xa5, 8192)),
    fault: /is damaged/,
    remedy: RESTORE,
  },
  {
    what: 'is missing although its write-ahead log exists',
    inflict: (path) => {
      rmSync(path);
      writeFileSync(`${path}-wal`, 'the only copy of the latest turns');
    },
    fault: /is missing or empty, but its -wal file is not/,
    remedy: RESTORE,
  },
];

describe('a start refuses a database that', () => {
  const sound = directory();
  beforeAll(async () => {
    const gateway = await testGateway({ provider, dataDir: sound });
    for (let turn = 0; turn < 40; turn++) await send(gateway, `s${turn % 3}`, `turn ${turn}`);
    await gateway.stop();
  });

  /** The bytes of the database and its other files. An empty log counts as no log. */
  const contents = (dataDir: string) =>
    ['', '-wal', '-journal'].map((suffix) => {
      try {
        return readFileSync(join(dataDir, `clawhold.db${suffix}`)).toString('base64');
      } catch {
        return '';
      }
    });

  test.each(DAMAGES)(
    '$what, with an explanation, and does not change it',
    async ({ inflict, fault, remedy }) => {
      const dataDir = directory();
      const path = join(dataDir, 'clawhold.db');
      cpSync(sound, dataDir, { recursive: true });
      inflict(path);
      const before = contents(dataDir);
      const gateway = startProcess({ dataDir, provider });
      expect(await gateway.exited).toBeGreaterThan(0);
      const message = await gateway.stderr;
      expect(message).toContain(path);
      expect(message).toMatch(fault);
      expect(message).toMatch(remedy);
      expect(message).not.toContain('listens on');
      expect(contents(dataDir)).toEqual(before);
    },
  );
});

/** Root may write everywhere but to a file system that is mounted for reading only. */
test.skipIf(!TinyDisk.possible)('a data folder that cannot be written is named, with a remedy', async () => {
  const dataDir = directory();
  const disk = TinyDisk.mount(dataDir, 512)!;
  disk.makeReadOnly();
  const gateway = startProcess({ dataDir, provider });
  expect(await gateway.exited).toBeGreaterThan(0);
  const message = await gateway.stderr;
  disk.unmount();
  expect(message).toContain(`The folder ${dataDir} cannot be written`);
  expect(message).toMatch(/Make it writable for this user, or choose another folder with `data_dir`/);
});

const LONG = 'many words '.repeat(5_000);

/** Skipped if this user may not mount, because only a mounted disk can be filled. */
describe.skipIf(!TinyDisk.possible)('a full disk', () => {
  const storeUnavailable = async (reply: Response) => {
    expect(reply.status).toBe(503);
    expect(reply.headers.get('x-should-retry')).toBe('true');
    expect(await reply.json()).toMatchObject({ error: { code: 'store_unavailable' } });
  };

  describe('under the journal', () => {
    const dataDir = directory();
    let disk: TinyDisk;
    let gateway: TestGateway;
    beforeAll(async () => {
      disk = TinyDisk.mount(join(dataDir, 'journal'), 512)!;
      gateway = await spawnGateway({ dataDir, provider });
    });
    afterAll(async () => {
      await gateway.stop();
      disk.unmount();
    });

    test('refuses a turn before it runs, and accepts it when there is space', async () => {
      await send(gateway, 'early', 'first');
      disk.fill();
      const text = `second ${LONG}`;
      await storeUnavailable(await send(gateway, 'early', text));
      await storeUnavailable(await send(gateway, 'early', text, true));
      expect(upstream.contextOf(text)).toBeUndefined();
      const texts = () => readLog(dataDir, async (log) => textsOn(branchOf(await log.named('early'))));
      expect(await texts()).toEqual(['first', 'You said: first']);
      disk.free();
      expect((await send(gateway, 'early', 'third')).status).toBe(200);
      expect(upstream.contextOf('third')).toEqual(['first', 'You said: first', 'third']);
    });

    test('is told by the health probes', async () => {
      const health = async () => {
        const reply = await gateway.fetch('/health');
        return [reply.status, await reply.json()];
      };
      const full = { status: 'degraded', store: 'unavailable', problem: 'The disk is full.' };
      disk.fill();
      await eventually('the disk is full', health, (seen) => Bun.deepEquals(seen, [503, full]));
      disk.free();
      const well = { status: 'ready', store: 'ok' };
      await eventually('there is space', health, (seen) => Bun.deepEquals(seen, [200, well]));
    });

    test('does not need the journal for turns that are not stored', async () => {
      disk.fill();
      const body = { model: 'groq/echo', messages: [{ role: 'user', content: `kept nowhere ${LONG}` }] };
      expect((await gateway.post('/v1/chat/completions', body)).status).toBe(200);
      disk.free();
    });

    test('ends a stream with an error, disconnects from the provider, and keeps the sent text', async () => {
      const text = `long ${'word '.repeat(3_000)}`;
      const reply = await send(gateway, 'late', text, true, 'echo+pace-1');
      disk.fill();
      const events = await reply.text();
      disk.free();
      expect(events).toContain('"code":"store_unavailable"');
      expect(events).not.toContain('[DONE]');
      const sent = upstream.provider.requests.at(-1)!;
      await until('the gateway disconnects from the provider', () => sent.aborted);
      const shown = [...events.matchAll(/"delta":\{"content":"(.*?)"\}/g)].map(([, part]) => part).join('');
      const [turn] = (await readLog(dataDir, (log) => log.named('late'))).turns;
      expect(turn).toMatchObject({ state: 'failed', error: { code: 'store_unavailable' } });
      expect(shown).not.toBe('');
      // The last delta may be stored without having been sent, but never sent without having been stored.
      const kept = textOf(turn!.output);
      expect(kept).toStartWith(shown);
      expect((await send(gateway, 'late', 'go on')).status).toBe(200);
      expect(upstream.contextOf('go on')).toEqual([text, kept, 'go on']);
    });
  });

  describe('under the database', () => {
    const dataDir = directory();
    let disk: TinyDisk;
    beforeAll(() => {
      disk = TinyDisk.mount(dataDir, 2_048)!;
      // Only the database is on the full disk: the journal must keep what the database cannot store.
      symlinkSync(directory(), join(dataDir, 'journal'));
    });
    const gateways: SpawnedGateway[] = [];
    const start = async (recovery = 'rescue') => {
      const env = { CLAWHOLD_TURNS_RECOVERY: recovery };
      const gateway = await spawnGateway({ dataDir, provider, env });
      gateways.push(gateway);
      return gateway;
    };
    afterAll(async () => {
      await Promise.all(gateways.map((gateway) => gateway.kill()));
      disk.unmount();
    });

    // A whole answer in the journal is neither continued nor closed: it is recorded.
    const recoveries = ['rescue', 'close'];
    const title = 'never acknowledges a turn that is not in the log, and keeps it for the next start (%s)';
    test.each(recoveries)(title, async (recovery) => {
      const gateway = await start();
      const [jsonSession, streamSession] = [`json-${recovery}`, `stream-${recovery}`];
      for (const session of [jsonSession, streamSession]) await send(gateway, session, 'first');
      const text = `second, to ${recovery} ${LONG}`;
      const question = { model: 'groq/echo+delay-100', messages: [{ role: 'user', content: text }] };
      const askAsSdk = (to: TestGateway, retries: number) => {
        const headers = { 'x-session-id': jsonSession, 'x-stainless-retry-count': String(retries) };
        return to.post('/v1/chat/completions', question, headers);
      };
      const { requests } = upstream.provider;
      const calls = requests.length + 2;
      const running = [
        askAsSdk(gateway, 0),
        send(gateway, streamSession, text, true, 'echo+delay-100'),
      ] as const;
      await until('both turns are running', () => requests.length === calls);
      disk.fill();
      const [json, stream] = await Promise.all(running);
      await storeUnavailable(json);
      const events = await stream.text();
      expect(events).toContain('"code":"store_unavailable"');
      expect(events).not.toContain('[DONE]');
      // Now not even a lease can be stored.
      await storeUnavailable(await send(gateway, 'new', 'third'));
      expect(requests.length).toBe(calls);
      await gateway.kill();
      disk.free();
      const successor = await start(recovery);
      // The streaming client resumes by its id; the JSON client sends its request again.
      const id = stream.headers.get('x-clawhold-response-id')!.replace('resp_', 'chatcmpl-');
      const resumed = await successor.fetch(`/v1/chat/completions/${id}?stream=true`);
      expect(await resumed.text()).toEndWith('data: [DONE]\n\n');
      const again = await askAsSdk(successor, 1);
      expect(again.headers.get('x-clawhold-replayed')).toBe('true');
      expect(await again.json()).toMatchObject({ choices: [{ message: { content: `You said: ${text}` } }] });
      await readLog(dataDir, async (log) => {
        for (const session of [jsonSession, streamSession]) {
          const branch = branchOf(await log.named(session));
          expect(textsOn(branch)).toEqual(['first', 'You said: first', text, `You said: ${text}`]);
          expect(branch.map(({ state }) => state)).toEqual(['completed', 'completed']);
        }
      });
      // Both answers were whole, so no provider was called again.
      expect(requests.length).toBe(calls);
      expect((await send(successor, 'new', 'again')).status).toBe(200);
      await successor.stop();
    });

    test('is no problem any more when there is space again, without a restart', async () => {
      const gateway = await start();
      await send(gateway, 'over', 'first');
      disk.fill();
      await storeUnavailable(await send(gateway, 'over', `second ${LONG}`));
      const ready = await gateway.fetch('/livez');
      expect(ready.status).toBe(200);
      disk.free();
      expect((await send(gateway, 'over', 'third')).status).toBe(200);
      expect(upstream.contextOf('third')).toEqual(['first', 'You said: first', 'third']);
      await gateway.stop();
    });
  });
});
