import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { eventually } from '../harness/eventually.ts';
import { OTHER_KEY, ROOT_KEY } from '../harness/gateway.ts';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { expectRefusal } from '../harness/refusal.ts';
import { asJson, asList, asText } from '../simulators/provider/shape.ts';

/** What the gateway serves to the dashboard; `tests/browser` has the page itself. */

let journey: Journey;
beforeAll(async () => {
  journey = await startJourney();
});
afterAll(() => journey.end());

/** Without a key. */
const fetchOpen = (path: string, init?: RequestInit) => fetch(journey.gateway.url + path, init);

const pathsIn = (page: string): string[] =>
  [...page.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map(([, path]) => path!);

describe('the files', () => {
  test('are one page, a script and a style sheet, of 120 kB at most', async () => {
    const page = await fetchOpen('/dashboard');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
    const text = await page.text();
    expect(text).not.toContain('://');
    let bytes = text.length;
    const types: string[] = [];
    for (const path of pathsIn(text)) {
      const init = { headers: { 'accept-encoding': 'gzip' }, decompress: false };
      const file = await fetchOpen(`/dashboard/${path}`, init);
      expect(file.headers.get('cache-control')).toContain('immutable');
      expect(file.headers.get('content-encoding')).toBe('gzip');
      types.push(file.headers.get('content-type')!.split(';')[0]!);
      bytes += (await file.arrayBuffer()).byteLength;
    }
    expect(types.sort()).toEqual(['image/svg+xml', 'text/css', 'text/javascript']);
    expect(bytes).toBeLessThan(120_000);
  });

  test('are found below a path of a proxy, at every address of the page', async () => {
    const page = await fetchOpen('/dashboard/sessions/x', { headers: { 'x-forwarded-prefix': '/claw' } });
    expect(await page.text()).toContain('<base href="/claw/dashboard/">');
    const odd = await fetchOpen('/dashboard', { headers: { 'x-forwarded-prefix': '/"><script>' } });
    expect(await odd.text()).toContain('<base href="/dashboard/">');
    expect((await fetchOpen('/dashboard/assets/none.js')).status).toBe(404);
  });
});

describe('a sign-in', () => {
  const signIn = (key: string, headers: Record<string, string> = {}) =>
    fetchOpen('/admin/v1/sign-in', {
      method: 'POST',
      headers: { 'x-requested-with': 'test', ...headers },
      body: JSON.stringify({ key }),
    });

  test('needs the root key, and the page of the dashboard', async () => {
    await expectRefusal(signIn(OTHER_KEY), 401, { code: 'invalid_key' });
    const bare = fetchOpen('/admin/v1/sign-in', { method: 'POST', body: JSON.stringify({ key: ROOT_KEY }) });
    await expectRefusal(bare, 403, { code: 'cross_site_request' });
    await expectRefusal(signIn(ROOT_KEY, { 'sec-fetch-site': 'cross-site' }), 403, {
      code: 'cross_site_request',
    });
  });

  test('sets a cookie for the management API, which is secure behind HTTPS', async () => {
    const reply = await signIn(ROOT_KEY, { 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/claw' });
    const cookie = reply.headers.get('set-cookie') ?? '';
    for (const part of ['HttpOnly', 'SameSite=Strict', 'Secure', 'Path=/claw/admin/v1', 'Max-Age='])
      expect(cookie).toContain(part);
    expect(cookie).not.toContain(ROOT_KEY);
    const headers = { cookie: cookie.split(';')[0]! };
    expect((await json(fetchOpen('/admin/v1/sign-in', { headers }))).tenant).toBe('default');
    expect((await fetchOpen('/admin/v1/sessions', { headers })).status).toBe(200);
    // The key of a program comes before the cookie.
    const both = { ...headers, authorization: `Bearer ${OTHER_KEY}` };
    expect((await fetchOpen('/admin/v1/sessions', { headers: both })).status).toBe(403);
    expect((await json(fetchOpen('/admin/v1/sign-in'))).tenant).toBeNull();
  });
});

describe('the playground', () => {
  const ask = (body: object, query = '') => journey.gateway.post(`/admin/v1/turns${query}`, body);

  test('asks in a session of any tenant; the turn goes on without it', async () => {
    const body = { model: 'openai/say-5', input: 'hello', session: 'played' };
    const asked = await json(ask(body, '?tenant=other'));
    expect(asked).toMatchObject({ object: 'turn.asked' });
    const path = `/admin/v1/turns/${asText(asked.id)}?tenant=other`;
    const stored = await eventually(
      'the turn is stored',
      () => journey.gateway.fetch(path),
      ({ status }) => status === 200,
    );
    const turn = await json(stored);
    expect(turn).toMatchObject({ state: 'completed', session: asText(asked.session), key: 'root' });
    expect(asJson(turn.receipt)).toHaveProperty('cost_of_everything_usd');
    expect(asList((await json(journey.gateway.fetch('/admin/v1/sessions?name=played'))).data)).toEqual([]);
  });

  test('is refused like any other caller', async () => {
    const body = { model: 'nobody/nothing', input: 'hello', session: 'refused' };
    expect((await ask(body)).status).toBeGreaterThanOrEqual(400);
    expect((await ask({ ...body, odd: 1 })).status).toBe(400);
  });
});

test('the configuration is shown without secrets', async () => {
  const reply = await (await journey.gateway.fetch('/admin/v1/config')).text();
  const settings = asList(asJson(JSON.parse(reply)).data);
  expect(settings.find(({ name }) => name === 'root_key')).toMatchObject({
    value: null,
    is_secret: true,
    origin: 'CLAWHOLD_ROOT_KEY',
  });
  for (const key of [ROOT_KEY, OTHER_KEY]) expect(reply).not.toContain(key);
});
