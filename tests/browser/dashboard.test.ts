import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import type { Browser } from 'playwright-core';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { asList, asText } from '../simulators/provider/shape.ts';
import { launch, missing, signIn, type Visit, violations, visit } from './browser.ts';

/** The dashboard in a real browser, over a real gateway. */

if (missing) console.warn(`The tests of the dashboard are skipped: ${missing}`);

const IMAGE =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const WEATHER = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};

let browser: Browser;
let journey: Journey;
let opened: Visit[] = [];

async function say(session: string, content: unknown, model = 'openai/gpt-4.1', more: object = {}) {
  const body = { model, messages: [{ role: 'user', content }], user: 'ann', ...more };
  const reply = await journey.gateway.post('/v1/chat/completions', body, { 'x-session-id': session });
  await reply.text();
}

const turnsOf = async (session: string): Promise<string[]> => {
  const list = await json(journey.gateway.fetch(`/admin/v1/sessions/${session}/turns`));
  return asList(list.data).map(({ id }) => asText(id));
};

/** A page that is signed in. */
async function open(path = '', look?: Parameters<typeof visit>[1]) {
  const one = await visit(browser, look);
  opened.push(one);
  await signIn(one.page, journey.gateway.url, path);
  return one.page;
}

describe.skipIf(missing !== undefined)('the dashboard', () => {
  beforeAll(async () => {
    [browser, journey] = await Promise.all([launch(), startJourney()]);
    await say('trip', 'Where do lobsters live?');
    await say('trip', 'And crabs?', 'openai/think+say-20');
    await say('trip', 'Look up the weather.', 'openai/tools', { tools: [WEATHER] });
    const [, second] = await turnsOf('trip');
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ turn: second });
    await journey.gateway.fetch('/admin/v1/sessions/trip/rewind', { method: 'POST', body, headers });
    await say('trip', [
      { type: 'text', text: 'What is in this picture?' },
      { type: 'image_url', image_url: { url: IMAGE } },
    ]);
    await say('story', 'Tell me a story.', 'openai/say-40+once-cut-12', { stream: true });
    await say('broken', 'Fail.', 'openai/status-500');
  }, 60_000);
  afterEach(async () => {
    const problems = opened.flatMap((one) => one.problems);
    await Promise.all(opened.map(({ context }) => context.close()));
    opened = [];
    expect(problems).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await journey?.end();
  });

  test('signs in with the root key alone, by a cookie that opens nothing else, and out', async () => {
    const one = await visit(browser);
    opened.push(one);
    const { page, context } = one;
    await page.goto(`${journey.gateway.url}/dashboard/sessions`);
    await page.getByLabel('Root key').fill('sk-claw-wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('not the root key');
    await signIn(page, journey.gateway.url);
    const cookies = await context.cookies(`${journey.gateway.url}/admin/v1/`);
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Strict', path: '/admin/v1' }]);
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    const status = async (path: string, init?: RequestInit) =>
      (await fetch(journey.gateway.url + path, { ...init, headers: { cookie, ...init?.headers } })).status;
    expect(await status('/admin/v1/sessions')).toBe(200);
    expect(await status('/v1/models')).toBe(401);
    expect(await status('/admin/reload', { method: 'POST' })).toBe(401);
    expect(await status('/admin/v1/sessions/trip', { method: 'DELETE' })).toBe(403);
    const foreign = { 'x-requested-with': 'x', 'sec-fetch-site': 'same-site' };
    expect(await status('/admin/v1/sessions/trip', { method: 'DELETE', headers: foreign })).toBe(403);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('Root key').waitFor();
    expect(await status('/admin/v1/sessions')).toBe(401);
  }, 60_000);

  test('finds what was said while one types, and opens it', async () => {
    const page = await open('sessions');
    await page.getByRole('link', { name: 'trip' }).waitFor();
    await page.getByRole('searchbox').pressSequentially('lobst');
    await page.getByText('lobst', { exact: true }).first().waitFor();
    expect(new URL(page.url()).searchParams.get('q')).toBe('lobst');
    await page.getByRole('link', { name: 'Sessions', exact: true }).click();
    await page.getByRole('link', { name: 'story' }).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: /lobst/ }).click();
    await page.getByRole('heading', { name: 'trip' }).waitFor();
    await page.getByText('Where do lobsters live?', { exact: true }).waitFor();
  }, 60_000);

  test('keeps filters in the address', async () => {
    const page = await open('sessions?state=failed');
    await page.getByRole('link', { name: 'broken' }).waitFor();
    expect(await page.getByRole('link', { name: 'trip' }).count()).toBe(0);
    await page.getByLabel('A turn is').selectOption('');
    await page.getByRole('link', { name: 'trip' }).waitFor();
    expect(new URL(page.url()).search).toBe('');
  }, 60_000);

  test('shows a session with its forks, thoughts, calls and images', async () => {
    const page = await open('sessions/trip');
    await page.getByText('Fork: branch 2 of 2').waitFor();
    const image = page.getByRole('img', { name: 'Part of the message' });
    await image.waitFor();
    expect(await page.evaluate<number>('document.querySelector(".picture").naturalWidth')).toBe(1);
    await page.getByRole('button', { name: 'The branch before' }).click();
    await page.getByText('Fork: branch 1 of 2').waitFor();
    const call = page.locator('summary', { hasText: 'weather' });
    await call.click();
    await page.locator('pre', { hasText: '"city"' }).waitFor();
    await page.locator('.virtual').press('Home');
    await page.locator('summary', { hasText: 'Thought' }).waitFor();
  }, 60_000);

  test('marks a rescue, and says why a turn went as it did', async () => {
    const page = await open('sessions/story');
    await page.getByText('Rescued after stream_interrupted').waitFor();
    await page.getByText('word40').waitFor();
    await page.getByRole('button', { name: 'Why' }).click();
    const why = page.getByRole('region', { name: 'Why this turn went as it did' });
    for (const text of ['Kept', 'Time line', 'Calls that made the answer', 'stream_interrupted'])
      await why.getByText(text).first().waitFor();
  }, 60_000);

  test('forks from a turn: the session itself stays as it is', async () => {
    const before = await turnsOf('trip');
    const page = await open('sessions/trip');
    await page.getByRole('link', { name: 'Fork from here' }).last().click();
    await page.getByLabel('Model', { exact: true }).fill('openai/recall');
    await page.getByLabel('Message').fill('What did I ask?');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText(/I have heard: .*lobsters live/).waitFor();
    expect(new URL(page.url()).searchParams.get('session')).toStartWith('conv_');
    expect(await turnsOf('trip')).toEqual(before);
  }, 60_000);

  test('compares two models on the same history', async () => {
    const page = await open('playground?session=trip&model=openai/recall&second=anthropic/recall');
    await page.getByLabel('Message').fill('What did I ask?');
    await page.getByLabel('Message').press('Enter');
    for (const model of ['openai/recall', 'anthropic/recall'])
      await page
        .getByRole('region', { name: model })
        .getByText(/I have heard: .*lobsters live/)
        .waitFor();
  }, 60_000);

  test('shows what runs and what needs attention, and stops a turn', async () => {
    const page = await open();
    await page.getByText(/openai is (weak|ill)/).waitFor();
    await page.getByText(/failed in the last hour/).waitFor();
    void say('endless', 'Keep talking.', 'openai/say-2000+pace-50', { stream: true }).catch(() => {});
    const running = page.getByRole('region', { name: 'Running turns' });
    await running.getByRole('link', { name: 'openai/say-2000+pace-50' }).waitFor();
    await running.getByRole('button', { name: 'Cancel' }).click();
    await running.getByText('No turn is running.').waitFor();
    for (const title of ['Traffic', 'Latency', 'Cost', 'Tokens'])
      expect(await page.getByRole('img', { name: `${title} over time` }).count()).toBe(1);
  }, 60_000);

  test('tests a claw', async () => {
    const page = await open('claws');
    await page.getByRole('button', { name: 'Test groq' }).click();
    await page.getByText(/answered in \d+ ms/).waitFor();
  }, 60_000);

  test('exports a session and the usage', async () => {
    const page = await open('sessions/trip');
    await page.getByText('Export').click();
    const [session] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'JSON lines' }).click(),
    ]);
    expect(session.suggestedFilename()).toBe('trip.jsonl');
    const lines = (await Bun.file(await session.path()).text()).trim().split('\n');
    expect(lines).toHaveLength(5);
    await page.getByRole('link', { name: 'Usage' }).click();
    await page.getByRole('rowheader', { name: 'openai/gpt-4.1' }).waitFor();
    const [usage] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Export CSV' }).click(),
    ]);
    expect(await Bun.file(await usage.path()).text()).toStartWith('model,turns,');
  }, 60_000);

  test('keeps a session of 10,000 turns small in the page', async () => {
    const messages = Array.from({ length: 20_000 }, (_, index) => ({
      role: index % 2 === 0 ? 'user' : 'assistant',
      content: `message ${index}`,
    }));
    const body = JSON.stringify({ messages });
    const imported = await journey.gateway.fetch('/admin/v1/import?form=openai&name=long', {
      method: 'POST',
      body,
    });
    expect(imported.status).toBe(200);
    const page = await open('sessions/long');
    await page.getByText('message 19999', { exact: true }).waitFor();
    expect(await page.getByRole('article').count()).toBeLessThan(40);
    await page.locator('.virtual').focus();
    await page.keyboard.press('Home');
    await page.getByText('message 0', { exact: true }).waitFor();
    expect(await page.getByRole('article').count()).toBeLessThan(40);
    expect(await page.getByRole('article').first().getAttribute('aria-setsize')).toBe('10000');
  }, 120_000);

  test.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
  ] as const)(
    'has no violation that axe finds, %s, %d pixels wide',
    async (colorScheme, width) => {
      const page = await open('', { colorScheme, width });
      const paths: [path: string, shows: string][] = [
        ['', 'Claws'],
        ['sessions', 'trip'],
        ['sessions?q=lobsters', 'lobsters'],
        ['sessions/trip', 'What is in this picture?'],
        ['sessions/story', 'Rescued after'],
        ['playground?session=trip', 'Compare two models'],
        ['claws', 'openai'],
        ['models', 'openai/gpt-4.1'],
        ['usage', 'Export CSV'],
        ['configuration', 'data_dir'],
      ];
      for (const [path, text] of paths) {
        await page.goto(`${journey.gateway.url}/dashboard/${path}`);
        await page.locator('main').getByText(text).first().waitFor();
        const why = page.getByRole('button', { name: 'Why' }).last();
        if (path === 'sessions/story') await why.click();
        expect([path, await violations(page)]).toEqual([path, []]);
        const width = await page.evaluate<number[]>('[document.body.scrollWidth, innerWidth]');
        expect([path, width[0]! <= width[1]!]).toEqual([path, true]);
      }
    },
    120_000,
  );
});
