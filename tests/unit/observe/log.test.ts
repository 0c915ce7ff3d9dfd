import { expect, test } from 'bun:test';
import { join } from 'node:path';
import type { GatewayEvent } from '../../../src/core/events.ts';

const LOG = join(import.meta.dir, '../../../src/observe/log.ts');

/** The lines of the log after these events. The log writes to standard output, so another process makes it. */
async function linesOf(...events: GatewayEvent[]): Promise<string[]> {
  const script = `
    const { openLog } = await import(${JSON.stringify(LOG)});
    const log = await openLog('info');
    for (const event of ${JSON.stringify(events)}) log.listen(event);
    log.flush();
    await Bun.sleep(50);
  `;
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' });
  return (await child.stdout.text()).trim().split('\n');
}

test('the level of an overload does not replace the level of its line', async () => {
  const [begun, ended] = await linesOf(
    { type: 'overload-changed', level: 'heavy', delayMs: 1000.4 },
    { type: 'overload-changed', level: 'calm', delayMs: 3 },
  );
  expect(begun!.match(/"level"/g)).toHaveLength(1);
  expect(JSON.parse(begun!)).toMatchObject({
    ...{ level: 40, msg: 'gateway overloaded', overload: 'heavy', delayMs: 1000 },
  });
  expect(JSON.parse(ended!)).toMatchObject({ level: 30, msg: 'overload ended', overload: 'calm' });
});

test('a failed call is told, and a call that was not made is not', async () => {
  const candidate = { provider: 'openai', model: 'gpt', protocol: 'openai-chat', instance: 'main' } as const;
  const trace = { id: 't', tenant: 'a', session: 's', key: 'k', requestId: 'r' } as never;
  const failed = { type: 'call-failed', trace, candidate, attempt: 1, next: 'retry' } as const;
  const lines = await linesOf(
    { ...failed, code: 'provider_error' },
    { ...failed, code: 'claw_unavailable' },
    { ...failed, code: 'hedge_lost' },
  );
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 30,
      msg: 'call failed',
      provider: 'openai',
      instance: 'main',
      code: 'provider_error',
      next: 'retry',
    },
  ]);
});
