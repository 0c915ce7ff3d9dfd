import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test';
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { ROOT_KEY, temporaryDirectory } from '../harness/gateway.ts';
import { type Journey, startJourney } from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/** A real Prometheus scrapes a gateway with the files of `deploy/prometheus/`, and its rules fire. */

setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, '../..');
const FILES = join(ROOT, 'deploy/prometheus');
const isInstalled = Bun.which('prometheus') !== null && Bun.which('promtool') !== null;

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

describe.skipIf(!isInstalled)('Prometheus (skipped where it is not installed)', () => {
  let journey: Journey;
  let directory: string;
  let server: Bun.Subprocess;
  let url: string;
  beforeAll(async () => {
    journey = await startJourney({ env: { CLAWHOLD_BREAKER_LEAST_CALLS: '3' } });
    directory = temporaryDirectory();
    cpSync(FILES, directory, { recursive: true });
    const configuration = readFileSync(join(FILES, 'prometheus.yml'), 'utf8')
      .replaceAll('15s', '1s')
      .replace('127.0.0.1:2529', new URL(journey.gateway.url).host);
    // What has to hold for minutes fires at once here.
    const rules = readFileSync(join(FILES, 'rules.yml'), 'utf8')
      .replaceAll(/for: \d+m/g, 'for: 0s')
      .replaceAll('[5m]', '[10s]');
    await Bun.write(join(directory, 'prometheus.yml'), configuration);
    await Bun.write(join(directory, 'rules.yml'), rules);
    await Bun.write(join(directory, 'clawhold.key'), ROOT_KEY);
    const port = freePort();
    url = `http://127.0.0.1:${port}`;
    server = Bun.spawn(
      [
        'prometheus',
        '--config.file=prometheus.yml',
        '--storage.tsdb.path=data',
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { cwd: directory, stdout: 'ignore', stderr: 'ignore' },
    );
  });
  afterAll(async () => {
    server.kill();
    await server.exited;
    await journey.end();
    rmSync(directory, { recursive: true, force: true });
  });

  const ask = async (path: string): Promise<Json> => {
    const reply = await fetch(url + path).catch(() => undefined);
    return reply?.ok ? asJson(asJson(await reply.json()).data) : {};
  };
  const query = async (expression: string) =>
    asList((await ask(`/api/v1/query?query=${encodeURIComponent(expression)}`)).result);

  test('accepts the files as they are', async () => {
    const child = Bun.spawn(['promtool', 'check', 'rules', join(FILES, 'rules.yml')], {
      stdout: 'pipe',
      stderr: 'pipe',
    });
    expect([await child.exited, await child.stderr.text()]).toEqual([0, '']);
  });

  test('scrapes the gateway and loads every rule', async () => {
    await eventually(
      'the gateway is scraped',
      () => query('up{job="clawhold"}'),
      (found) => JSON.stringify(found).includes('"1"]'),
      30_000,
    );
    const groups = asList((await ask('/api/v1/rules')).groups);
    const rules = groups.flatMap((group) => asList(group.rules));
    const written = readFileSync(join(FILES, 'rules.yml'), 'utf8').match(/- (?:alert|record): /g)!;
    expect(rules).toHaveLength(written.length);
    expect(rules.filter(({ health }) => health === 'err')).toEqual([]);
  });

  test('fires when turns fail and a breaker opens', async () => {
    const names = async () =>
      asList((await ask('/api/v1/alerts')).alerts)
        .filter(({ state }) => state === 'firing')
        .map(({ labels }) => asText(asJson(labels).alertname));
    await eventually(
      'the alerts fire',
      async () => {
        await (
          await journey.gateway.post('/v1/responses', { model: 'groq/status-500', input: 'Hi.' })
        ).text();
        return names();
      },
      (firing) => firing.includes('ClawholdTurnErrors') && firing.includes('ClawholdBreakerOpen'),
      45_000,
    );
  });

  test('understands every query of the dashboard', async () => {
    const { panels } = (await Bun.file(join(ROOT, 'deploy/grafana/clawhold.json')).json()) as {
      panels: Panel[];
    };
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(30);
    for (const expression of expressions) {
      const filled = expression
        .replaceAll('$__rate_interval', '1m')
        .replaceAll('$job', '.*')
        .replaceAll('$instance', '.*');
      const reply = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(filled)}`);
      expect([expression, reply.status]).toEqual([expression, 200]);
    }
  });
});

/** Another program may take it in between, but hardly does. */
function freePort(): number {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const { port } = server;
  server.stop(true);
  return port!;
}
