import { readFileSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { ROOT_KEY } from '../harness/gateway.ts';

/** The machine's own Chromium: none is downloaded. */
const PROGRAM = ['chromium', 'chromium-browser', 'google-chrome']
  .map((name) => Bun.which(name))
  .find((path) => path !== null);

/** Why the tests of the dashboard cannot run here; `undefined` where they can. */
export const missing = PROGRAM ? undefined : 'no Chromium is installed: apt-get install chromium';

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: PROGRAM!, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

/** A page, and what went wrong in it: errors of scripts, and what its content security policy refused. */
export interface Visit {
  context: BrowserContext;
  page: Page;
  problems: string[];
}

export interface Look {
  colorScheme?: 'light' | 'dark';
  width?: number;
}

export async function visit(
  browser: Browser,
  { colorScheme = 'light', width = 1280 }: Look = {},
): Promise<Visit> {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 860 } });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) problems.push(message.text());
  });
  return { context, page, problems };
}

/** Signs in and goes to a page of the dashboard. */
export async function signIn(page: Page, url: string, path = ''): Promise<void> {
  await page.goto(`${url}/dashboard`);
  await page.getByLabel('Root key').fill(ROOT_KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  if (path !== '') await page.goto(`${url}/dashboard/${path}`);
}

const AXE = readFileSync(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

/** What axe finds in the page, a line for each place. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations: found, passes } = (await page.evaluate('axe.run(document)')) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
    passes: unknown[];
  };
  if (passes.length < 15) throw new Error('axe has found next to nothing to check.');
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
  );
}
