import type { WorkerEnd } from '../core/events.ts';
import { watchPings } from './pings.ts';
import type { Worker } from './worker.ts';

/** The pause before a worker is started again: it doubles while workers die soon after their start. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** A worker that lived so long, in milliseconds, did not die of its start. */
const LIVED_MS = 60_000;
/** After the time for running turns, a worker has this long to close its stores. */
const CLOSING_MS = 10_000;

/** What the supervisor works with. */
export interface SupervisorParts<Facts> {
  count: number;
  start(place: number): Worker<Facts>;
  /** The worker was started: what it asks is answered from now on. The returned function is called when it has ended. */
  serve(worker: Worker<Facts>): () => Promise<unknown>;
  /** A worker has ended without being told to. It is started again. */
  lost(end: WorkerEnd): void;
  /** Tells the operator. */
  say(text: string): void;
  /** How long running turns may go on when workers stop, in milliseconds. */
  drainMs(): number;
}

interface Place<Facts> {
  worker: Worker<Facts>;
  startedAt: number;
  pauseMs: number;
  /** It is not to be started again. */
  isLeaving?: true;
  /** It was killed because its event loop answered no more. */
  hasHung?: true;
}

/**
 * Keeps the workers of a gateway running: starts them, starts again what dies, replaces and stops them. The first
 * worker opens the stores before the others are started, so that only it makes a root key and upgrades a database.
 * No worker listens before all have opened their stores.
 */
export class Supervisor<Facts> {
  private readonly places: Place<Facts>[] = [];
  private readonly port = Promise.withResolvers<number>();
  /** The first start of every worker has begun. */
  private readonly allBegun = Promise.withResolvers<void>();
  private rolling = Promise.resolve();
  private isStopping = false;

  constructor(private readonly parts: SupervisorParts<Facts>) {}

  /** The workers that live, in the order of their places. */
  get workers(): Worker<Facts>[] {
    return this.places.map(({ worker }) => worker);
  }

  /**
   * Resolves with what the first worker tells when all are ready. Rejects, with none left, where one ends before.
   * Never settles where `stop` or `kill` was called meanwhile.
   */
  async start(portOf: (facts: Facts) => number, configured: number): Promise<Facts> {
    const { count } = this.parts;
    try {
      const first = this.begin(0, () => this.whenAllAreOpen(configured));
      await first.opened;
      for (let place = 1; place < count; place++) this.begin(place);
      this.allBegun.resolve();
      first.ready.then(
        (facts) => this.port.resolve(portOf(facts)),
        () => {},
      );
      await Promise.all(this.workers.map(({ ready }) => ready));
      for (const place of this.places) this.watch(place);
      return await first.ready;
    } catch (error) {
      if (this.isStopping) return new Promise(() => {});
      this.isStopping = true;
      for (const worker of this.workers) worker.kill();
      await Promise.all(this.workers.map(({ ended }) => ended));
      throw error;
    }
  }

  /** Replaces each worker by a new one, one after the other. The old one stops when the new one serves requests. */
  roll(): Promise<void> {
    this.rolling = this.rolling.then(async () => {
      for (const place of [...this.places]) await this.replace(place);
    });
    return this.rolling;
  }

  /** Lets running turns end within their time. Resolves when every worker has ended. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.workers.map((worker) => this.stopOne(worker)));
  }

  /** Ends all workers at once. */
  kill(): void {
    this.isStopping = true;
    for (const worker of this.workers) worker.kill();
  }

  private async replace(old: Place<Facts>): Promise<void> {
    // One that has ended meanwhile has a successor already.
    const isThere = () => this.places.includes(old) && !this.isStopping;
    if (!isThere()) return;
    let successor: Place<Facts> | undefined;
    try {
      successor = this.placeOf(this.begin(old.worker.place));
      await successor.worker.ready;
    } catch (error) {
      if (successor) this.forget(successor);
      if (!this.isStopping) this.parts.say(`A worker could not be replaced: ${(error as Error).message}`);
      return;
    }
    const leaving = isThere() ? old : successor;
    if (leaving === old) this.watch(successor);
    leaving.isLeaving = true;
    await this.stopOne(leaving.worker);
    this.forget(leaving);
  }

  private placeOf(worker: Worker<Facts>): Place<Facts> {
    return this.places.find((place) => place.worker === worker)!;
  }

  private begin(place: number, port: () => Promise<number> = () => this.port.promise): Worker<Facts> {
    const worker = this.parts.start(place);
    worker.channel.on('port', port);
    const leave = this.parts.serve(worker);
    void worker.ended.then(leave);
    const begun: Place<Facts> = { worker, startedAt: performance.now(), pauseMs: FIRST_PAUSE_MS };
    this.places.push(begun);
    this.places.sort((one, other) => one.worker.place - other.worker.place);
    worker.ready.then(
      () => this.killIfHung(begun),
      () => {},
    );
    return worker;
  }

  /** From now on, connections may wait for the worker. */
  private killIfHung(place: Place<Facts>): void {
    const { worker } = place;
    const leave = watchPings(worker.channel, () => {
      place.hasHung = true;
      worker.kill();
    });
    void worker.ended.then(leave);
  }

  private async whenAllAreOpen(configured: number): Promise<number> {
    await this.allBegun.promise;
    await Promise.all(this.workers.map(({ opened }) => opened));
    return configured;
  }

  /** Starts the worker again when it ends. */
  private watch(place: Place<Facts>): void {
    const { worker, startedAt } = place;
    void worker.ended.then((how) => {
      if (this.isStopping || place.isLeaving) return;
      this.forget(place);
      this.lost(place, how);
      const hasLived = performance.now() - startedAt > LIVED_MS;
      return this.startAgain(worker.place, hasLived ? FIRST_PAUSE_MS : place.pauseMs);
    });
  }

  private lost({ worker: { place, pid }, hasHung }: Place<Facts>, how: string): void {
    const why = hasHung ? 'hung, and was killed' : `ended: ${how}`;
    this.parts.say(`Worker ${place + 1} (process ${pid}) ${why}. It is started again.`);
    this.parts.lost({ worker: place + 1, process: pid, reason: hasHung ? 'hung' : 'died', how });
  }

  private async startAgain(place: number, pauseMs: number): Promise<void> {
    await Bun.sleep(pauseMs);
    if (this.isStopping) return;
    const nextMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    try {
      const successor = this.placeOf(this.begin(place));
      successor.pauseMs = nextMs;
      this.watch(successor);
    } catch (error) {
      // The system has no process or no memory to give now.
      this.parts.say(`Worker ${place + 1} cannot be started: ${(error as Error).message}`);
      return this.startAgain(place, nextMs);
    }
  }

  private forget(place: Place<Facts>): void {
    const at = this.places.indexOf(place);
    if (at !== -1) this.places.splice(at, 1);
  }

  private async stopOne(worker: Worker<Facts>): Promise<void> {
    worker.channel.tell('stop');
    const timer = setTimeout(() => worker.kill(), this.parts.drainMs() + CLOSING_MS);
    await worker.ended;
    clearTimeout(timer);
  }
}
