import { Connection, type Reply } from './connection.ts';
import type { Job, Outcome } from './job.ts';

/** Runs one job. `opened` is called when all streams of a `hold` job have had their first token. */
export async function generate(job: Job, opened: () => void): Promise<Outcome> {
  const tally = new Tally();
  const cpu = process.cpuUsage();
  const from = performance.now();
  const { load } = job;
  if (load.kind === 'open') await openLoop(job, load, tally);
  else if (load.kind === 'hold') await hold(job, load, tally, opened);
  else await closedLoop(job, load, tally);
  const used = process.cpuUsage(cpu);
  return { ...tally.outcome, elapsedMs: performance.now() - from, cpuMicros: used.user + used.system };
}

class Tally {
  readonly outcome: Outcome = {
    requests: 0,
    failures: 0,
    elapsedMs: 0,
    latencies: [],
    firstTokens: [],
    events: 0,
    bytes: 0,
    cpuMicros: 0,
    latestMs: 0,
  };

  add(reply: Reply, sentAt: number): void {
    const { outcome } = this;
    outcome.requests++;
    outcome.latencies.push(performance.now() - sentAt);
    if (reply.firstTokenAt > 0) outcome.firstTokens.push(reply.firstTokenAt - sentAt);
    outcome.events += reply.events;
    outcome.bytes += reply.bytes;
    if (reply.status !== 200) this.fail(`${reply.status} ${reply.text.slice(0, 500)}`);
  }

  fail(failure: string): void {
    this.outcome.failures++;
    this.outcome.failure ??= failure;
  }
}

type Render = (session: number) => string;

function renderer({ port, path, headers, body }: Job): Render {
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const render = (session: string) => {
    const text = body.replaceAll('{session}', session);
    const head = fields.join('').replaceAll('{session}', session);
    const length = Buffer.byteLength(text);
    return `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${head}content-type: application/json\r\ncontent-length: ${length}\r\n\r\n${text}`;
  };
  const fixed = render('');
  if (fixed === render('0')) return () => fixed;
  return (session) => render(String(session));
}

/** The session number of the turn with this number on this lane. */
function sessionOf(job: Job, lanes: number, lane: number, turn: number): number {
  return lane + lanes * Math.floor(turn / (job.turnsPerSession ?? Number.POSITIVE_INFINITY));
}

async function closedLoop(
  job: Job,
  load: Extract<Job['load'], { kind: 'closed' | 'count' }>,
  tally: Tally,
): Promise<void> {
  const { concurrency } = load;
  const render = renderer(job);
  const until = load.kind === 'closed' ? performance.now() + load.ms : Number.POSITIVE_INFINITY;
  let remaining = load.kind === 'count' ? load.requests : Number.POSITIVE_INFINITY;
  const lane = async (number: number) => {
    let connection = await Connection.open(job.port, job.firstToken);
    for (let turn = 0; remaining-- > 0 && performance.now() < until; turn++) {
      const sentAt = performance.now();
      const reply = await connection.send(render(sessionOf(job, concurrency, number, turn)));
      tally.add(reply, sentAt);
      if (reply.status === 0) connection = await Connection.open(job.port, job.firstToken);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: concurrency }, (_, number) => lane(number)));
}

async function openLoop(job: Job, load: Extract<Job['load'], { kind: 'open' }>, tally: Tally): Promise<void> {
  const render = renderer(job);
  const opening = Array.from({ length: 32 }, () => Connection.open(job.port, job.firstToken));
  const idle = await Promise.all(opening);
  const running = new Set<Promise<void>>();
  const total = Math.floor((load.rate * load.ms) / 1000);
  const from = performance.now();
  const sendOne = async (sequence: number) => {
    const connection = idle.pop() ?? (await Connection.open(job.port, job.firstToken));
    const session = sessionOf(job, load.lanes, sequence % load.lanes, Math.floor(sequence / load.lanes));
    const sentAt = performance.now();
    const reply = await connection.send(render(session));
    tally.add(reply, sentAt);
    if (reply.status !== 0) idle.push(connection);
  };
  for (let sent = 0; sent < total; ) {
    await Bun.sleep(1);
    const elapsed = performance.now() - from;
    for (; sent < total && (sent * 1000) / load.rate <= elapsed; sent++) {
      tally.outcome.latestMs = Math.max(tally.outcome.latestMs, elapsed - (sent * 1000) / load.rate);
      const request = sendOne(sent);
      running.add(request);
      request.then(() => running.delete(request));
    }
  }
  await Promise.all(running);
  for (const connection of idle) connection.close();
}

/** Streams that wait for their first token at once: all of them together would overload the measured program. */
const OPENING = 64;

async function hold(
  job: Job,
  load: Extract<Job['load'], { kind: 'hold' }>,
  tally: Tally,
  opened: () => void,
): Promise<void> {
  const render = renderer(job);
  const connections: Connection[] = [];
  const replies: Promise<void>[] = [];
  const isOpen = (connection: Connection | undefined) =>
    connection === undefined || connection.begun || tally.outcome.failures > 0;
  for (let number = 0; number < load.streams; number++) {
    while (!isOpen(connections[number - OPENING])) await Bun.sleep(1);
    const connection = await Connection.open(job.port, job.firstToken);
    connections.push(connection);
    const sentAt = performance.now();
    replies.push(connection.send(render(number)).then((reply) => tally.add(reply, sentAt)));
  }
  while (!connections.every(isOpen)) await Bun.sleep(20);
  if (tally.outcome.requests > 0) tally.fail('A stream ended before all streams were open.');
  opened();
  await Promise.all(replies);
  for (const connection of connections) connection.close();
}
