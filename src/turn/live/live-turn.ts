import type { Delta } from '../../core/delta.ts';
import { Fault } from '../../core/errors.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Quota } from '../../core/quota.ts';
import type { Receipt } from '../../core/receipt.ts';
import type { Tenant } from '../../core/request.ts';
import { Timeline } from '../../core/timeline.ts';
import {
  type Accepted,
  type AnsweredTurn,
  type Asked,
  isKept,
  type Retention,
  type Session,
} from '../../core/turn.ts';
import { Cancelled, type TurnView } from '../../core/turn-view.ts';

/**
 * A turn from its acceptance to its end, as the turn path writes it and as readers see it. Only the methods here
 * change its state.
 */
export class LiveTurn implements TurnView {
  readonly retention: Retention;
  /** Resolves when the turn's intent is journaled; rejects where that failed. Nothing is recorded then. */
  readonly accepted: Promise<void>;
  readonly begun: Promise<void>;
  readonly ended: Promise<AnsweredTurn>;

  /** Absent once it is settled, like `begin`: many turns wait for long, and each should hold little. */
  private accept: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>();
  private begin: PromiseWithResolvers<void> | undefined = Promise.withResolvers<void>();
  private readonly finish = Promise.withResolvers<AnsweredTurn>();
  private readonly controller = new AbortController();
  private news: PromiseWithResolvers<void> | undefined;
  private known: { asked: Asked; session: Session | undefined };
  private phase: TurnView['state'] = 'queued';
  private answering: Receipt | undefined;
  private left: Quota | undefined;
  /** Clients that have asked for the turn and are connected. */
  private clients = 0;
  private needsClient = false;

  constructor(
    asked: Asked,
    session?: Session,
    /** What was published before. That of a turn which has ended is shared by its readers and does not change. */
    readonly log: Delta[] = [],
    /** Of a turn that runs in this process. */
    readonly timeline = new Timeline(),
  ) {
    this.known = { asked, session };
    this.retention = asked.retention;
    this.accepted = this.accept!.promise;
    this.begun = this.begin!.promise;
    this.ended = this.finish.promise;
    // A turn may fail while it has no reader.
    this.begun.catch(ignore);
    this.ended.catch(ignore);
  }

  get asked(): Asked {
    return this.known.asked;
  }

  get session(): Session | undefined {
    return this.known.session;
  }

  get state(): TurnView['state'] {
    return this.phase;
  }

  get receipt(): Receipt | undefined {
    return this.answering;
  }

  /** What its caller had left of its rate limits when the turn was accepted; absent where nothing is limited. */
  get quota(): Quota | undefined {
    return this.left;
  }

  /** Aborted when the turn should stop; the reason is a `Cancelled` or a `Fault`. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Stops the claw at once. Deltas that came so far are kept. No effect on a turn that has ended. */
  stop(reason: Cancelled | Fault): void {
    this.controller.abort(reason);
  }

  /** What its caller has left of its rate limits. Called once, before readers can find the turn. */
  noteQuota(left: Quota): void {
    this.left = left;
  }

  /** A client has asked for the turn; `gone` is aborted when it disconnects. */
  connect(gone: AbortSignal): void {
    this.clients++;
    const leave = () => {
      this.clients--;
      this.stopIfLeft();
    };
    if (gone.aborted) leave();
    else gone.addEventListener('abort', leave);
    // A socket stays open longer than its turns.
    const forget = () => gone.removeEventListener('abort', leave);
    this.ended.then(forget, forget);
  }

  /** From now on, the turn stops as soon as no client is connected. */
  stopWithoutClient(): void {
    this.needsClient = true;
    this.stopIfLeft();
  }

  /** The intent is journaled; the turn waits for its session or for a slot. */
  acknowledge(): void {
    this.accept?.resolve();
    this.accept = undefined;
  }

  /** The intent is journaled: the turn has its session and is about to be answered. */
  run(asked: Asked, session: Session | undefined): void {
    this.known = { asked, session };
    this.phase = 'running';
    this.acknowledge();
  }

  /** The turn could not start, and nothing is recorded. */
  refuse(failure: unknown): void {
    this.phase = 'ended';
    for (const waiting of [this.accept, this.begin, this.finish]) waiting?.reject(failure);
  }

  /** A claw has begun to answer. Called before the first `publish`, and again when another claw takes over. */
  start(receipt: Receipt): void {
    this.phase = 'running';
    this.answering = receipt;
    this.timeline.firstDeltaAt ??= performance.now();
    this.hasBegun();
  }

  /** No claw can be reached; the turn waits until one can. */
  defer(): void {
    this.phase = 'queued';
    this.hasBegun();
  }

  publish(deltas: readonly Delta[]): void {
    for (const delta of deltas) this.log.push(delta);
    this.wake();
  }

  /** `failure` is present for a turn that ended without a delta, and says why. */
  end(turn: AnsweredTurn, failure?: unknown): void {
    this.phase = 'ended';
    if (failure === undefined) this.hasBegun();
    else this.begin?.reject(failure);
    this.finish.resolve(turn);
    this.wake();
  }

  /** The outcome could not be recorded: readers must not take the answer as complete. */
  fail(fault: Fault): void {
    this.phase = 'ended';
    this.begin?.reject(fault);
    this.finish.reject(fault);
    this.wake();
  }

  async more(seen: number): Promise<boolean> {
    while (this.log.length <= seen) {
      if (this.phase === 'ended') return false;
      this.news ??= Promise.withResolvers<void>();
      await this.news.promise;
    }
    return true;
  }

  private stopIfLeft(): void {
    if (this.needsClient && this.clients === 0) this.stop(new Cancelled('The client disconnected.'));
  }

  private hasBegun(): void {
    this.begin?.resolve();
    this.begin = undefined;
  }

  private wake(): void {
    this.news?.resolve();
    this.news = undefined;
  }
}

const ignore = () => {};

/**
 * How many ended turns that are not kept stay in memory, for clients that retry a request because they got no answer.
 */
const MOST_FOR_RETRIES = 256;

/** The turns that run in this process. */
export class LiveTurns {
  private readonly live = new Map<TurnId, LiveTurn>();
  private readonly forRetries = new Map<TurnId, LiveTurn>();
  /** Of ended turns, while they are read. */
  private readonly played = new Map<TurnId, WeakRef<Delta[]>>();
  private readonly unread = new FinalizationRegistry<TurnId>((id) => {
    if (!this.played.get(id)?.deref()) this.played.delete(id);
  });
  private closed = false;
  private count = 0;

  /** The gateway is stopping. */
  get isClosed(): boolean {
    return this.closed;
  }

  get size(): number {
    return this.live.size;
  }

  /** How many turns have begun in this process. */
  get begun(): number {
    return this.count;
  }

  /** A retry finds only a turn whose request has a fingerprint. */
  add(turn: LiveTurn, { fingerprint }: Pick<Accepted, 'fingerprint'>): void {
    const { id } = turn.asked;
    this.count++;
    this.live.set(id, turn);
    const remove = () => {
      this.live.delete(id);
      if (fingerprint !== undefined && !isKept(turn.retention)) this.keepForRetries(turn);
    };
    turn.ended.then(remove, remove);
    if (this.closed) turn.stop(shutDown());
  }

  /** The turns that have not ended, oldest first. */
  get all(): readonly LiveTurn[] {
    return [...this.live.values()];
  }

  /** The age of the oldest turn that runs, in milliseconds; 0 where none runs. Turns that wait do not count. */
  oldestMs(now: number): number {
    let oldest = now;
    for (const turn of this.live.values())
      if (turn.state === 'running') oldest = Math.min(oldest, turn.asked.createdAt);
    return now - oldest;
  }

  /** Whether a turn with this id runs. */
  has(id: string): boolean {
    return this.live.has(id as TurnId);
  }

  get(tenant: Tenant, id: TurnId): LiveTurn | undefined {
    const turn = this.live.get(id) ?? this.forRetries.get(id);
    return turn?.asked.tenant === tenant ? turn : undefined;
  }

  /** The log of an ended turn: one for all of its readers, because a long one takes many megabytes. */
  logOf(id: TurnId, play: () => Delta[]): Delta[] {
    const known = this.played.get(id)?.deref();
    if (known) return known;
    const log = play();
    this.played.set(id, new WeakRef(log));
    this.unread.register(log, id);
    return log;
  }

  /** Another process asks to cancel a turn that runs here; that process has checked the caller. */
  cancel(id: TurnId): void {
    this.live.get(id)?.stop(new Cancelled('The caller cancelled the turn.'));
  }

  /**
   * Waits for `quiet`, after which no turn begins any more, and for all turns to end. Those that take longer
   * than `ms`, or begin after it, are stopped and recorded as they are.
   */
  async drain(ms: number, quiet: Promise<unknown>): Promise<void> {
    await Promise.race([quiet.then(() => this.allEnded()), Bun.sleep(ms)]);
    this.closed = true;
    for (const turn of this.live.values()) turn.stop(shutDown());
    await this.allEnded();
  }

  private keepForRetries(turn: LiveTurn): void {
    if (turn.signal.aborted) return;
    this.forRetries.set(turn.asked.id, turn);
    if (this.forRetries.size <= MOST_FOR_RETRIES) return;
    const [oldest] = this.forRetries.keys();
    this.forRetries.delete(oldest!);
  }

  private async allEnded(): Promise<void> {
    while (this.live.size > 0) await Promise.allSettled([...this.live.values()].map((turn) => turn.ended));
  }
}

const shutDown = () => new Fault('shutting_down', 'The gateway shut down before the answer was complete.');
