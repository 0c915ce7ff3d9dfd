import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, type SpawnedGateway, spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { json, responseText } from '../harness/journey.ts';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asText } from '../simulators/provider/shape.ts';

/** The files of `deploy/` and the Dockerfile, as docs/operations.md uses them. */

const ROOT = join(import.meta.dir, '../..');
const hasBackupTools = Bun.which('sqlite3') !== null && Bun.which('tar') !== null;
const hasNginx = Bun.which('nginx') !== null;

let provider: Provider;
let gateway: SpawnedGateway;
let directory: string;
beforeAll(async () => {
  provider = startProvider();
  directory = temporaryDirectory();
  gateway = await spawnGateway({ provider: provider.url });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
  rmSync(directory, { recursive: true, force: true });
});

async function run(command: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn(command, {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { code: await child.exited, out, err };
}

describe.skipIf(!hasBackupTools)('a backup of a running gateway (skipped without sqlite3)', () => {
  const image = `data:image/png;base64,${Buffer.alloc(300_000, 7).toString('base64')}`;
  const respond = (body: object) => json(gateway.post('/v1/responses', { model: 'openai/recall', ...body }));

  test('has its sessions, its large content and its running turns', async () => {
    const first = await respond({ input: 'My name is Ada.' });
    const large = await respond({
      input: [{ role: 'user', content: [{ type: 'input_image', image_url: image, detail: 'auto' }] }],
    });
    const running = await respond({ model: 'openai/say-30+pace-100', input: 'Tell.', background: true });
    const path = `/v1/responses/${asText(running.id)}`;
    const state = async (from: SpawnedGateway) => json(from.fetch(path));
    await eventually(
      'the turn runs',
      () => state(gateway),
      ({ status }) => status === 'in_progress',
    );
    // Until the journal has a part of the answer.
    await Bun.sleep(500);
    const copy = join(directory, 'copy');
    expect(await run(['deploy/backup.sh', gateway.dataDir, copy])).toMatchObject({ code: 0, err: '' });
    for (const part of ['journal.tar', 'clawhold.db', 'blobs.tar'])
      expect([part, existsSync(join(copy, part))]).toEqual([part, true]);
    const missed = await respond({ input: 'Later.' });

    const dataDir = join(directory, 'restored');
    expect(await run(['deploy/restore.sh', copy, dataDir])).toMatchObject({ code: 0, err: '' });
    const restored = await spawnGateway({ provider: provider.url, dataDir });
    try {
      const again = await restored.post('/v1/responses', {
        model: 'openai/recall',
        previous_response_id: first.id,
        input: 'What is my name?',
      });
      expect(responseText(await json(again))).toContain('My name is Ada.');
      const items = await (await restored.fetch(`/v1/responses/${asText(large.id)}/input_items`)).text();
      expect(items).toContain(image);
      const turn = await eventually(
        'the turn that ran is finished',
        () => state(restored),
        ({ status }) => status === 'completed',
      );
      expect(responseText(turn).trim().split(/\s+/)).toHaveLength(30);
      expect((await restored.fetch(`/v1/responses/${asText(missed.id)}`)).status).toBe(404);
    } finally {
      await restored.stop();
    }
  }, 30_000);

  test('is never written over another one', async () => {
    const copy = join(directory, 'taken');
    mkdirSync(copy);
    expect((await run(['deploy/backup.sh', gateway.dataDir, copy])).code).not.toBe(0);
    expect((await run(['deploy/restore.sh', copy, gateway.dataDir])).code).not.toBe(0);
  });

  test('fails where there is no database', async () => {
    const empty = join(directory, 'empty');
    mkdirSync(empty);
    const { code } = await run(['deploy/backup.sh', empty, join(directory, 'of-nothing')]);
    expect(code).not.toBe(0);
    expect(existsSync(join(empty, 'clawhold.db'))).toBe(false);
  });
});

describe.skipIf(!hasNginx)('behind nginx (skipped where it is not installed)', () => {
  let proxy: Bun.Subprocess;
  let url: string;
  beforeAll(async () => {
    const free = Bun.serve({ port: 0, fetch: () => new Response() });
    const { port } = free;
    await free.stop(true);
    const site = readFileSync(join(ROOT, 'deploy/nginx.conf'), 'utf8')
      .replace('server 127.0.0.1:2529;', `server ${new URL(gateway.url).host};`)
      .replace('listen 80;', `listen 127.0.0.1:${port};`);
    const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const paths = folders.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n');
    const main = join(directory, 'nginx.conf');
    await Bun.write(join(directory, 'site.conf'), site);
    await Bun.write(
      main,
      `${process.getuid?.() === 0 ? 'user root;' : ''} daemon off; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
       events { worker_connections 256; }
       http { access_log off; ${paths} include ${directory}/site.conf; }`,
    );
    proxy = Bun.spawn(['nginx', '-p', directory, '-c', main], { stdout: 'ignore', stderr: 'ignore' });
    url = `http://127.0.0.1:${port}`;
    const status = () =>
      fetch(`${url}/health`).then(
        (reply) => reply.status,
        () => 0,
      );
    await eventually('nginx answers', status, (code) => code === 200);
  });
  afterAll(async () => {
    proxy.kill('SIGTERM');
    await proxy.exited;
  });

  const post = (body: object) =>
    fetch(`${url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ROOT_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  test('a stream arrives event by event', async () => {
    const reply = await post({ model: 'openai/say-10+pace-50', input: 'Hi', stream: true });
    const chunks: string[] = [];
    const decoder = new TextDecoder();
    for await (const bytes of reply.body!) chunks.push(decoder.decode(bytes));
    const whole = chunks.join('');
    expect(whole).toContain('event: response.completed');
    // The words come 50 ms apart; a proxy that buffers would deliver them together.
    const withWords = chunks.filter((chunk) => chunk.includes('response.output_text.delta'));
    expect(withWords.length).toBeGreaterThan(5);
  });

  test('a WebSocket is opened and answers', async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/responses`, {
      headers: { authorization: `Bearer ${ROOT_KEY}` },
    });
    const done = Promise.withResolvers<string>();
    socket.onmessage = ({ data }) => {
      if (String(data).includes('"response.completed"')) done.resolve(String(data));
    };
    socket.onerror = () => done.reject(new Error('the socket failed'));
    socket.onopen = () =>
      socket.send(JSON.stringify({ type: 'response.create', model: 'openai/echo', input: 'Hi' }));
    expect(await done.promise).toContain('You said: Hi');
    socket.close();
  });

  test('a large body passes', async () => {
    const reply = await post({ model: 'openai/say-1', input: 'x'.repeat(3 * 1024 * 1024) });
    expect(reply.status).toBe(200);
  });
});

describe('the service', () => {
  test.skipIf(Bun.which('systemd-analyze') === null)(
    'is valid for systemd (skipped where systemd is not installed)',
    async () => {
      const unit = join(directory, 'clawhold.service');
      const text = readFileSync(join(ROOT, 'deploy/clawhold.service'), 'utf8');
      await Bun.write(unit, text.replace('/usr/bin/node', process.execPath));
      expect(await run(['systemd-analyze', 'verify', unit])).toEqual({ code: 0, out: '', err: '' });
    },
  );
});

describe('the Dockerfile', () => {
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8');

  test('copies only files that exist and that .dockerignore lets through', () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, list]) =>
      list!.split(' '),
    );
    expect(sources.length).toBeGreaterThan(4);
    for (const source of sources) {
      expect([source, existsSync(join(ROOT, source))]).toEqual([source, true]);
      expect(ignored.split('\n')).toContain(`!${source}`);
    }
  });

  test('names an exact base image and a user that is not root', () => {
    for (const [, image] of dockerfile.matchAll(/^FROM (\S+)/gm))
      expect(image).toMatch(/^node:\d+\.\d+\.\d+-[a-z-]+$/);
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^VOLUME \/data$/m);
  });

  test.skipIf(Bun.which('node') === null)(
    'has a health check that works (skipped without Node)',
    async () => {
      const [, command] = /HEALTHCHECK[\s\S]*?CMD (\[.+\])/.exec(dockerfile)!;
      const check = (port: string) => run(JSON.parse(command!) as string[], { CLAWHOLD_PORT: port });
      expect((await check(new URL(gateway.url).port)).code).toBe(0);
      expect((await check('1')).code).toBe(1);
    },
  );
});
