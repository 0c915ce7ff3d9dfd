import { expect, test } from 'bun:test';
import { eventually } from '../harness/eventually.ts';
import { spawnGateway } from '../harness/gateway.ts';
import { json } from '../harness/journey.ts';
import { childrenOf } from '../harness/processes.ts';
import { startProvider } from '../simulators/provider/provider.ts';
import { asText } from '../simulators/provider/shape.ts';

/** Enough connections that one worker of two gets all of them once in a million runs. */
const MANY = 20;
/** Longer than a worker may leave pings without an answer. */
const LONG_MS = 14_000;

const onLinux = process.platform === 'linux' ? test.concurrent : test.skip;

onLinux(
  'a worker that hangs is killed and replaced, and its turns go on',
  async () => {
    const provider = startProvider();
    const gateway = await spawnGateway({ provider: provider.url, env: { CLAWHOLD_WORKERS: '2' } });
    const before = childrenOf(gateway.pid);
    const post = (model: string, body = {}) =>
      json(gateway.post('/v1/responses', { model: `openai/${model}`, input: 'Go on.', ...body }));
    const begun = await Promise.all(
      Array.from({ length: MANY }, () => post('say-40+pace-50', { background: true })),
    );
    const [hung, other] = before;
    process.kill(hung!, 'SIGSTOP');
    // Connections that the kernel gives to the worker that hangs wait until it is killed, and break then.
    const answered = async (): Promise<string> => {
      for (;;) {
        try {
          return asText((await post('say-1')).status);
        } catch {}
      }
    };
    const statuses = await Promise.all(Array.from({ length: MANY }, answered));
    expect(new Set(statuses)).toEqual(new Set(['completed']));
    for (const { id } of begun) {
      await eventually(
        'the turn ends',
        () => json(gateway.fetch(`/v1/responses/${asText(id)}`)),
        ({ status }) => status === 'completed',
      );
    }
    const now = await eventually(
      'the worker is back',
      () => childrenOf(gateway.pid),
      ({ length }) => length === 2,
    );
    expect(now).toContain(other!);
    expect(now).not.toContain(hung!);
    const metrics = async () => (await gateway.fetch('/metrics')).text();
    expect(await metrics()).toContain('clawhold_worker_restarts_total{reason="hung"} 1');
    expect(JSON.parse(/^.*"worker ended".*$/m.exec(gateway.log())![0])).toMatchObject({
      ...{ level: 50, worker: 1, process: hung, reason: 'hung', how: 'signal SIGKILL' },
    });
    await gateway.stop();
    provider.stop();
  },
  60_000,
);

onLinux(
  'workers that stop and go on together with their supervisor, as on a machine that sleeps, stay',
  async () => {
    const gateway = await spawnGateway({ env: { CLAWHOLD_WORKERS: '2' } });
    const workers = childrenOf(gateway.pid);
    for (const name of ['SIGSTOP', 'SIGCONT'] as const) {
      for (const pid of [gateway.pid, ...workers]) process.kill(pid, name);
      await Bun.sleep(LONG_MS);
    }
    expect(childrenOf(gateway.pid)).toEqual(workers);
    await gateway.stop();
  },
  60_000,
);
