import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../harness/eventually.ts';
import { temporaryDirectory } from '../harness/gateway.ts';
import { type Journey, startJourney } from '../harness/journey.ts';
import { asJson, asText, type Json } from '../simulators/provider/shape.ts';

/** Alerts of a gateway, as its targets get them. */

setDefaultTimeout(30_000);

const SECRET = 'a-secret-of-the-pager-0123';

interface Received {
  path: string;
  headers: Record<string, string>;
  body: string;
}

let received: Received[] = [];
/** How many messages are refused before one is taken. */
let refusals = 0;
let journey: Journey;
let receiver: Bun.Server<undefined>;
let directory: string;
beforeAll(async () => {
  directory = temporaryDirectory();
  receiver = Bun.serve({
    port: 0,
    async fetch(request) {
      if (refusals-- > 0) return new Response(null, { status: 503 });
      const headers = request.headers.toJSON() as Record<string, string>;
      received.push({ path: new URL(request.url).pathname, headers, body: await request.text() });
      return new Response('ok');
    },
  });
  const url = `http://127.0.0.1:${receiver.port}`;
  journey = await startJourney({
    yaml: `
alerts:
  every_ms: 100
  targets:
    pager: { kind: webhook, url: ${url}/pager, secret: ${SECRET} }
    team: { kind: slack, url: ${url}/team }
    script: { kind: command, command: [sh, -c, 'cat > ${directory}/alert.json; env > ${directory}/env'] }
  rules:
    - { name: errors, when: error_rate, above: 0.5, window_ms: 3000, least: 3, to: [pager, team, script] }
    - { name: stuck, when: stuck_turn, above: 300, to: [pager] }
    - { name: disk, when: disk_used, above: 1, to: [pager] }
`,
  });
});
afterAll(async () => {
  await journey.end();
  receiver.stop(true);
  rmSync(directory, { recursive: true, force: true });
});

const ask = (model: string, more: object = {}) =>
  journey.gateway.post('/v1/responses', { model, input: 'Hi.', ...more });

const messages = (path: string): Json[] =>
  received.filter((one) => one.path === path).map(({ body }) => asJson(JSON.parse(body)));

const told = (what: string, path: string, isWanted: (message: Json) => boolean) =>
  eventually(
    what,
    () => messages(path),
    (all) => all.some(isWanted),
  );

test('a rule fires, is told once to each of its targets, and ends with a message', async () => {
  refusals = 1;
  for (let turn = 0; turn < 4; turn++) await (await ask('groq/status-500')).text();
  await told('the pager knows', '/pager', ({ alert, state }) => alert === 'errors' && state === 'firing');
  await told('the team knows', '/team', ({ text }) => asText(text).startsWith('Alert errors at clawhold'));
  const file = join(directory, 'alert.json');
  await eventually(
    'the command knows',
    () => existsSync(file) && readFileSync(file, 'utf8'),
    (text) => text !== false && text !== '',
  );
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    alert: 'errors',
    when: 'error_rate',
    value: 1,
    above: 0.5,
  });
  // The failed turns leave the window.
  await told('it has ended', '/pager', ({ alert, state }) => alert === 'errors' && state === 'resolved');
  await told('the team knows that', '/team', ({ text }) =>
    asText(text).startsWith('Resolved: errors at clawhold'),
  );
  const states = messages('/pager')
    .filter(({ alert }) => alert === 'errors')
    .map(({ state }) => state);
  expect(states).toEqual(['firing', 'resolved']);
});

test('a webhook is signed as the Standard Webhooks specification says', () => {
  const { headers, body } = received.find(({ path }) => path === '/pager')!;
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const code = createHmac('sha256', SECRET).update(signed).digest('base64');
  expect(headers['webhook-signature']).toBe(`v1,${code}`);
  expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(60);
});

test('a command gets no key of the gateway', () => {
  const env = readFileSync(join(directory, 'env'), 'utf8');
  expect(env).toContain('PATH=');
  expect(env).not.toMatch(/CLAWHOLD|API_KEY/);
});

test('a turn that runs for long is told while it runs', async () => {
  received = [];
  const running = ask('openai/say-20+pace-60', { stream: true });
  await told('it is stuck', '/pager', ({ alert, state }) => alert === 'stuck' && state === 'firing');
  const metrics = await (await journey.gateway.fetch('/metrics')).text();
  expect(metrics).toContain('clawhold_alerts_firing{alert="stuck"} 1');
  await (await running).text();
  await told('it has ended', '/pager', ({ alert, state }) => alert === 'stuck' && state === 'resolved');
});
