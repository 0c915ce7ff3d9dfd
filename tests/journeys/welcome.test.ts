import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { version } from '../../package.json';
import { ROOT_KEY, type TestGateway, testGateway } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';

const provider = startProvider();
let gateway: TestGateway;
beforeAll(async () => {
  gateway = await testGateway({ provider: provider.url });
});
afterAll(async () => {
  await gateway.stop();
  provider.stop();
});

/** What browsers send. */
const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

const open = (headers: Record<string, string> = {}) => fetch(`${gateway.url}/`, { headers });

describe('the page at /', () => {
  test('is small HTML without a script and without anything from elsewhere', async () => {
    const reply = await open(BROWSER);
    const html = await reply.text();
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(reply.headers.get('content-security-policy')).toStartWith("default-src 'none'");
    expect(Buffer.byteLength(html)).toBeLessThan(10_000);
    expect(html).not.toMatch(/<script|<iframe|<form|@import|\bsrc=|url\(|<link (?!rel="icon" href="data:,")/);
  });

  test('reveals no keys, tenants, providers or versions', async () => {
    for (const headers of [BROWSER, {}]) {
      const reply = await open(headers);
      const said = JSON.stringify([...reply.headers]) + (await reply.text());
      for (const secret of [ROOT_KEY, 'sk-', 'default tenant', 'anthropic', 'groq', provider.url, version])
        expect(said).not.toContain(secret);
    }
  });

  test('has a curl command that works', async () => {
    const html = await (await open(BROWSER)).text();
    const command = /(curl [^<]*\/chat\/completions[^<]*)<\/code>/.exec(html)?.[1] ?? '';
    const child = Bun.spawn(['sh', '-c', unescaped(command)], {
      env: { PATH: process.env.PATH ?? '', CLAWHOLD_ROOT_KEY: ROOT_KEY },
      stdout: 'pipe',
      stderr: 'ignore',
    });
    expect(await child.stdout.text()).toContain('your name is Ada');
  });

  test('is JSON for other clients', async () => {
    const reply = await open({ accept: 'application/json' });
    expect(reply.status).toBe(200);
    expect(await reply.json()).toMatchObject({ base_url: `${gateway.url}/v1` });
    expect((await open()).headers.get('content-type')).toContain('application/json');
  });

  const baseUrl = async (headers: Record<string, string>) =>
    ((await (await open(headers)).json()) as { base_url: string }).base_url;

  test('shows the base URL as the visitor sees it', async () => {
    expect(await baseUrl({ host: 'box.local:2529' })).toBe('http://box.local:2529/v1');
    expect(
      await baseUrl({ host: 'inner', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'ai.example.com' }),
    ).toBe('https://ai.example.com/v1');
    expect(
      await baseUrl({
        'x-forwarded-proto': 'https, http',
        'x-forwarded-host': '[2001:db8::1]:8443, inner',
        'x-forwarded-prefix': '/ai',
      }),
    ).toBe('https://[2001:db8::1]:8443/ai/v1');
  });

  test('uses no other headers, and forbids caches', async () => {
    const strange = {
      'x-forwarded-host': '"><b>',
      'x-forwarded-proto': 'javascript',
      'x-forwarded-prefix': '//x',
    };
    expect(await baseUrl(strange)).toBe(`${gateway.url}/v1`);
    const reply = await open({ ...BROWSER, ...strange });
    expect(await reply.text()).not.toContain('<b>');
    expect(reply.headers.get('cache-control')).toBe('no-store');
  });

  test('is only for GET and HEAD', async () => {
    expect((await fetch(`${gateway.url}/`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${gateway.url}/`, { method: 'POST' })).status).toBe(401);
    expect((await gateway.fetch('/', { method: 'POST' })).status).toBe(404);
  });
});

const unescaped = (html: string): string =>
  html.replaceAll('&quot;', '"').replaceAll('&#x27;', "'").replaceAll('&amp;', '&');
