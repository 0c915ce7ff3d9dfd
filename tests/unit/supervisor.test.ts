import { expect, test } from 'bun:test';
import { Channel } from '../../src/core/channel.ts';
import type { WorkerEnd } from '../../src/core/events.ts';
import { Supervisor } from '../../src/workers/supervisor.ts';
import type { Worker } from '../../src/workers/worker.ts';

/** Workers that are no processes: a test says when they open, are ready and end. */
class Stage {
  readonly begun: Acted[] = [];
  readonly said: string[] = [];
  readonly lost: WorkerEnd[] = [];
  failures = 0;
  readonly supervisor = new Supervisor<number>({
    count: 3,
    start: (place) => {
      if (this.failures-- > 0) throw new Error('no memory');
      const acted = new Acted(place);
      this.begun.push(acted);
      return acted.worker;
    },
    serve: () => async () => {},
    lost: (end) => this.lost.push(end),
    say: (text) => this.said.push(text),
    drainMs: () => 0,
  });

  /** Starts all workers. */
  async start(): Promise<number> {
    const started = this.supervisor.start((port) => port, 0);
    this.begun[0]!.open();
    await Bun.sleep(1);
    for (const acted of this.begun.slice(1)) acted.open();
    for (const acted of this.begun) acted.ready(7);
    return started;
  }
}

class Acted {
  readonly told: string[] = [];
  private readonly opened = Promise.withResolvers<void>();
  private readonly isReady = Promise.withResolvers<number>();
  private readonly ended = Promise.withResolvers<string>();
  readonly worker: Worker<number>;
  open = () => this.opened.resolve();
  ready = (port: number) => this.isReady.resolve(port);

  constructor(readonly place: number) {
    const channel = new Channel((packet) => {
      if (packet.kind !== 'tell') return;
      this.told.push(packet.what);
      if (packet.what === 'stop') this.end('exit code 0');
    });
    for (const { promise } of [this.opened, this.isReady]) promise.catch(() => {});
    this.worker = {
      ...{ place, pid: 1_000 + place, channel },
      ...{ opened: this.opened.promise, ready: this.isReady.promise, ended: this.ended.promise },
      kill: () => this.end('signal SIGKILL'),
    };
  }

  end(how: string): void {
    this.ended.resolve(how);
    for (const { reject } of [this.opened, this.isReady]) reject(new Error(`A worker ended (${how}).`));
  }
}

const placesOf = ({ supervisor }: Stage): number[] => supervisor.workers.map(({ place }) => place);

test('the first worker opens its stores alone, and all are there at the end', async () => {
  const stage = new Stage();
  const started = stage.supervisor.start((port) => port, 0);
  await Bun.sleep(1);
  expect(placesOf(stage)).toEqual([0]);
  stage.begun[0]!.open();
  await Bun.sleep(1);
  expect(placesOf(stage)).toEqual([0, 1, 2]);
  for (const acted of stage.begun) acted.ready(7);
  expect(await started).toBe(7);
});

test('one that cannot start ends all', async () => {
  const stage = new Stage();
  const started = stage.supervisor.start((port) => port, 0);
  stage.begun[0]!.open();
  await Bun.sleep(1);
  stage.begun[1]!.end('exit code 1');
  expect(started).rejects.toThrow('exit code 1');
  await started.catch(() => {});
  expect(stage.begun[0]!.worker.ended).resolves.toBe('signal SIGKILL');
});

test('what dies is started again, also after the system refused it, with longer pauses', async () => {
  const stage = new Stage();
  await stage.start();
  stage.failures = 1;
  stage.begun[1]!.end('signal SIGKILL');
  await Bun.sleep(50);
  expect(placesOf(stage)).toEqual([0, 2]);
  await Bun.sleep(150);
  // The first pause has passed, and the second one, which is twice as long, has not.
  expect(stage.said).toEqual([
    'Worker 2 (process 1001) ended: signal SIGKILL. It is started again.',
    'Worker 2 cannot be started: no memory',
  ]);
  await Bun.sleep(200);
  expect(placesOf(stage)).toEqual([0, 1, 2]);
});

test('each worker is replaced after its successor is ready; one that fails keeps the old one', async () => {
  const stage = new Stage();
  await stage.start();
  const rolled = stage.supervisor.roll();
  await Bun.sleep(1);
  expect(placesOf(stage)).toEqual([0, 0, 1, 2]);
  expect(stage.begun[0]!.told).toEqual([]);
  stage.begun[3]!.ready(7);
  await Bun.sleep(1);
  expect(stage.begun[0]!.told).toEqual(['stop']);
  stage.begun[4]!.end('exit code 1');
  await Bun.sleep(1);
  stage.begun[5]!.ready(7);
  await rolled;
  expect(stage.supervisor.workers).toEqual([3, 1, 5].map((at) => stage.begun[at]!.worker));
  expect(stage.said).toEqual(['A worker could not be replaced: A worker ended (exit code 1).']);
});

test('one that dies while it is replaced does not leave one too many', async () => {
  const stage = new Stage();
  await stage.start();
  const rolled = stage.supervisor.roll();
  await Bun.sleep(1);
  stage.begun[0]!.end('signal SIGKILL');
  await Bun.sleep(150);
  const again = stage.begun[4]!;
  again.ready(7);
  for (let turn = 0; turn < 6; turn++) {
    await Bun.sleep(1);
    for (const acted of stage.begun) acted.ready(7);
  }
  await rolled;
  expect(placesOf(stage)).toEqual([0, 1, 2]);
});

test('stopping tells all, waits for them, and starts none again', async () => {
  const stage = new Stage();
  await stage.start();
  await stage.supervisor.stop();
  await Bun.sleep(150);
  expect(stage.begun.map(({ told }) => told)).toEqual([['stop'], ['stop'], ['stop']]);
  expect(stage.said).toEqual([]);
});
