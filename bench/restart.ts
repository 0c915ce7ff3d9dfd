import { Database } from 'bun:sqlite';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './peers/nginx.ts';
import {
  gatewayEnvironment,
  pinned,
  ROOT_KEY,
  starterCommand,
  startGateway,
  temporaryDirectory,
} from './processes.ts';
import { interleaved } from './rounds.ts';
import type { Bench, Row, RowResult } from './row.ts';
import { databaseOf, seedSessions, seedTurns } from './seed.ts';
import { spread } from './statistics.ts';

const TURNS = 2_000;
const GIVE_UP_MS = 60_000;
/** The state `completed`, as the column of the log has it. */
const COMPLETED = 0;

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
        restarted(dataDir, pinned('measured', starterCommand()), simulator.port, ({ readyMs }) => readyMs),
      );
      bench.say(`${effort.leftTurns} turns of a process that died`);
      const taken: TakenOver[] = [];
      for (let round = 0; round < effort.rounds; round++)
        taken.push(await timeToTakeOver(effort.leftTurns, simulator.port));
      const left = effort.leftTurns.toLocaleString('en');
      return {
        figures: [
          { what: 'Restart to ready, no sessions', value: spread(times.get(empty)!), unit: 'ms' },
          {
            what: `Restart to ready, ${effort.seededSessions.toLocaleString('en')} sessions`,
            value: spread(times.get(full)!),
            unit: 'ms',
            budget: { limit: 200, is: 'at most' },
          },
          {
            what: `Restart to ready, ${left} running turns`,
            value: spread(taken.map(({ readyMs }) => readyMs)),
            unit: 'ms',
          },
          {
            what: `From ready until a request is answered, ${left} running turns`,
            value: spread(taken.map(({ answeredMs }) => answeredMs)),
            unit: 'ms',
          },
          {
            what: `From ready until ${left} turns have ended`,
            value: spread(taken.map(({ endedMs }) => endedMs)),
            unit: 'ms',
            budget: { limit: 5_000, is: 'at most' },
          },
        ],
        notes: [
          'Measured from the start of the command (`node bin/clawhold.mjs start`), after a kill -9, to the first 200 of /health/readiness. Files are in the page cache. Of the running turns, half are in the background; the provider answers at once; the gateway has both cores.',
          'Of the time of a start, Node.js, with which the command begins, takes about 50 ms; docs/performance.md has the other parts.',
        ],
      };
    } finally {
      for (const dataDir of [empty, full]) rmSync(dataDir, { recursive: true, force: true });
    }
  },
};

interface TakenOver {
  readyMs: number;
  /** From ready to the answer to a new request of a session. */
  answeredMs: number;
  /** From ready until every turn of the dead process has its outcome. */
  endedMs: number;
}

/** Turns that a process left in its journal, taken over by the next process. */
async function timeToTakeOver(turns: number, provider: number): Promise<TakenOver> {
  const dataDir = temporaryDirectory();
  try {
    const program = join(import.meta.dir, 'left-turns.ts');
    await Bun.spawn([process.execPath, program, dataDir, String(turns)], { stderr: 'inherit' }).exited;
    return await restarted(dataDir, starterCommand(), provider, async ({ readyMs, url }) => {
      const from = performance.now();
      const answered = ask(url).then(() => performance.now() - from);
      await allEnded(dataDir, turns);
      const endedMs = performance.now() - from;
      return { readyMs, answeredMs: await answered, endedMs };
    });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function ask(url: string): Promise<void> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ROOT_KEY}`, 'x-session-id': 'after' },
    body: JSON.stringify({ model: 'openai/say-5', messages: [{ role: 'user', content: 'What is a claw?' }] }),
  });
  if (!response.ok) throw new Error(`The request failed: ${await response.text()}`);
  await response.text();
}

async function allEnded(dataDir: string, count: number): Promise<void> {
  const log = new Database(databaseOf(dataDir), { readonly: true });
  try {
    const states = log.query<{ state: number; turns: number }, []>(
      `SELECT state, count(*) AS turns FROM turns JOIN sessions ON sessions.id = session
       WHERE name LIKE 'left-%' GROUP BY state`,
    );
    for (const from = performance.now(); ; await Bun.sleep(25)) {
      const seen = states.all();
      const ended = seen.reduce((sum, { turns }) => sum + turns, 0);
      if (ended === count && seen.length === 1 && seen[0]!.state === COMPLETED) return;
      if (ended === count) throw new Error(`Not all turns are completed: ${JSON.stringify(seen)}`);
      if (performance.now() - from > GIVE_UP_MS) throw new Error(`Only ${ended} turns have ended.`);
    }
  } finally {
    log.close();
  }
}

interface Ready {
  /** From the start of the command to the first 200 of `/health/readiness`. */
  readyMs: number;
  url: string;
}

/** Starts the gateway, calls `use` when it is ready, and kills it. */
async function restarted<Result>(
  dataDir: string,
  command: string[],
  provider: number,
  use: (ready: Ready) => Result | Promise<Result>,
): Promise<Result> {
  const port = freePort();
  const from = performance.now();
  const child = Bun.spawn(command, {
    cwd: dataDir,
    env: gatewayEnvironment(dataDir, provider, port),
    stdout: 'ignore',
    stderr: 'ignore',
    // The starter and the gateway are one group of processes.
    detached: true,
  });
  try {
    return await use(await whenReady(`http://127.0.0.1:${port}`, from));
  } finally {
    process.kill(-child.pid, 'SIGKILL');
    await child.exited;
  }
}

async function whenReady(url: string, from: number): Promise<Ready> {
  while (performance.now() - from < GIVE_UP_MS) {
    const status = await fetch(`${url}/health/readiness`).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return { readyMs: performance.now() - from, url };
    await Bun.sleep(1);
  }
  throw new Error(`The gateway was not ready within ${GIVE_UP_MS} ms.`);
}
