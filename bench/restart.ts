import { rmSync } from 'node:fs';
import { freePort } from './peers/nginx.ts';
import { end, gatewayCommand, gatewayEnvironment, startGateway, temporaryDirectory } from './processes.ts';
import { interleaved } from './rounds.ts';
import type { Bench, Row, RowResult } from './row.ts';
import { seedSessions, seedTurns } from './seed.ts';
import { spread } from './statistics.ts';

const TURNS = 2_000;
const GIVE_UP_MS = 30_000;

export const restart: Row = {
  key: 'e',
  title: 'Restart to ready',
  async measure(bench: Bench): Promise<RowResult> {
    const { effort, simulator } = bench;
    const empty = temporaryDirectory();
    const full = temporaryDirectory();
    try {
      bench.say(`storing ${effort.seededSessions} sessions`);
      seedSessions(full, effort.seededSessions);
      await seedTurns(full, { seeded: TURNS }, 'What is a claw?', 'A connection to one AI service.');
      // The first start creates the files that a restart finds.
      for (const dataDir of [empty, full])
        await (await startGateway({ provider: simulator.port, dataDir })).kill();
      const times = await interleaved(effort.rounds, [empty, full], (dataDir) =>
        timeToReady(dataDir, simulator.port),
      );
      return {
        figures: [
          { what: 'Restart to ready, no sessions', value: spread(times.get(empty)!), unit: 'ms' },
          {
            what: `Restart to ready, ${effort.seededSessions.toLocaleString('en')} sessions`,
            value: spread(times.get(full)!),
            unit: 'ms',
            budget: { limit: 500, is: 'at most' },
          },
        ],
        notes: [
          'Measured from the start of the process, after a kill -9, to the first 200 of /health/readiness. Files are in the page cache.',
        ],
      };
    } finally {
      for (const dataDir of [empty, full]) rmSync(dataDir, { recursive: true, force: true });
    }
  },
};

/** Milliseconds from the start of the process to the first 200 of `/health/readiness`. */
async function timeToReady(dataDir: string, provider: number): Promise<number> {
  const port = freePort();
  const from = performance.now();
  const child = Bun.spawn(gatewayCommand(), {
    cwd: dataDir,
    env: gatewayEnvironment(dataDir, provider, port),
    stdout: 'ignore',
    stderr: 'ignore',
  });
  try {
    while (performance.now() - from < GIVE_UP_MS) {
      const status = await fetch(`http://127.0.0.1:${port}/health/readiness`).then(
        (response) => response.status,
        () => 0,
      );
      if (status === 200) return performance.now() - from;
      await Bun.sleep(1);
    }
    throw new Error(`The gateway was not ready within ${GIVE_UP_MS} ms.`);
  } finally {
    await end(child, 'SIGKILL');
  }
}
