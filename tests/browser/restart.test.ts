import { describe, expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { spawnGateway, temporaryDirectory } from '../harness/gateway.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { launch, missing, signIn, visit } from './browser.ts';

/** A port that was free a moment ago: the gateway comes back at the same address. */
function freePort(): string {
  const server = Bun.serve({ port: 0, fetch: () => new Response() });
  const { port } = server;
  void server.stop(true);
  return String(port);
}

const WORDS = 150;

describe.skipIf(missing !== undefined)('the dashboard', () => {
  test('shows a running turn through a reload, and while the gateway is killed and restarted', async () => {
    const folder = temporaryDirectory();
    const provider = startProvider();
    const options = {
      provider: provider.url,
      dataDir: join(folder, 'data'),
      env: { CLAWHOLD_PORT: freePort() },
    };
    const browser = await launch();
    let gateway = await spawnGateway(options);
    try {
      const body = {
        model: `openai/say-${WORDS}+pace-60`,
        stream: true,
        messages: [{ role: 'user', content: 'Keep talking.' }],
      };
      void gateway
        .post('/v1/chat/completions', body, { 'x-session-id': 'talk' })
        .then((reply) => reply.text())
        .catch(() => {});
      const { page, problems } = await visit(browser);
      await signIn(page, gateway.url, 'sessions/talk');
      await page.getByText('Keep talking.').waitFor();
      await page.getByText(/word12\b/).waitFor();
      await page.reload();
      await page.getByText(/word1 word2 .*word25\b/).waitFor();
      await gateway.kill();
      await page.getByText('Reconnecting…').waitFor();
      expect(await page.getByText(/word25\b/).count()).toBe(1);
      gateway = await spawnGateway(options);
      await page.getByText('Live', { exact: true }).waitFor();
      // The sign-in outlived the restart, and the answer goes on to its end.
      await page.getByText(new RegExp(`word${WORDS}\\b`)).waitFor({ timeout: 30_000 });
      await page.getByRole('button', { name: 'Why' }).waitFor();
      await page.getByText('Rescued after').waitFor();
      const text = await page.locator('.turn').textContent();
      const words = [...(text ?? '').matchAll(/word(\d+)/g)].map(([, number]) => Number(number));
      expect(words).toEqual(Array.from({ length: WORDS }, (_, index) => index + 1));
      expect(problems).toEqual([]);
    } finally {
      await browser.close();
      await gateway.stop();
      void provider.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }, 120_000);
});
