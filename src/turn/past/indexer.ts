import { quantised } from '../../context/retrieval/passage-vectors.ts';
import { callFailureOf, Fault } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { SessionId, TurnId } from '../../core/ids.ts';
import { pause } from '../../core/pause.ts';
import type { Tenant } from '../../core/request.ts';
import type { KeyRules } from '../../core/routing.ts';
import type { Overload } from '../../limits/overload.ts';
import type { TurnLog } from '../../session/turn-log.ts';
import type { PassageVector, VectorScope, VectorStore } from '../../session/vector-store.ts';
import type { BarePassage } from './past.ts';
import type { Pasts } from './pasts.ts';
import type { RecallEmbeddings, RecallModel } from './recall-model.ts';

/** A session whose past will be needed. */
export interface Indexing {
  tenant: Tenant;
  session: SessionId;
  /** The last turn of its branch. */
  tip: TurnId;
  edits: number;
  /** The rules of the key whose turn it is. */
  rules?: KeyRules;
}

/** What the indexer needs. */
export interface IndexerParts {
  pasts: Pasts;
  embeddings: RecallEmbeddings;
  vectors: VectorStore;
  log: Pick<TurnLog, 'findSession'>;
  overload: Pick<Overload, 'level'>;
  emit: Emit;
}

/** Sessions that wait; beyond it, those that wait the longest are dropped, and come again with their next turn. */
const MOST_WAITING = 1_000;
/** Sessions whose pasts are made at the same time. */
const WORKERS = 2;
/** Passages that are embedded with one call. */
const BATCH = 64;
/** Milliseconds until it is looked again whether the overload has ended. */
const OVERLOAD_PAUSE_MS = 1_000;
/** Milliseconds between attempts; the pause doubles. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Attempts for one batch: then the session is dropped until its next turn. */
const MOST_ATTEMPTS = 8;

/**
 * Makes pasts before they are needed, and embeds their passages: bounded work in the background, after commits.
 * Everything that it makes is derived, so a crash loses nothing that the next turn of the session does not bring back.
 */
export class Indexer {
  private readonly waiting = new Map<string, Indexing>();
  private readonly stopped = new AbortController();
  /** Passages that the provider refuses alone; they are found by their words. */
  private readonly refused = new WeakSet<object>();
  private running = 0;
  private readonly busy = new Set<string>();

  constructor(private readonly parts: IndexerParts) {}

  /** Sessions that wait or are worked on. */
  get size(): number {
    return this.waiting.size + this.running;
  }

  /** Costs the turn nothing: the work begins later. */
  note(indexing: Indexing): void {
    if (this.stopped.signal.aborted) return;
    const key = `${indexing.tenant}\n${indexing.session}`;
    this.waiting.delete(key);
    this.waiting.set(key, indexing);
    if (this.waiting.size > MOST_WAITING) this.waiting.delete(this.waiting.keys().next().value!);
    if (this.running < WORKERS) void this.work();
  }

  /** Erases everything that is derived from a session. To be called after the session is deleted. */
  async forget(tenant: Tenant, session: SessionId): Promise<void> {
    this.waiting.delete(`${tenant}\n${session}`);
    this.parts.pasts.drop({ tenant, session });
    await this.parts.vectors.eraseVectors(tenant, session);
  }

  /** Ends all work. Calls that run are cancelled. */
  close(): void {
    this.stopped.abort(new Fault('shutting_down', 'The gateway is shutting down.'));
    this.waiting.clear();
  }

  private async work(): Promise<void> {
    this.running++;
    try {
      await pause(0, this.stopped.signal);
      for (let next = this.next(); next; next = this.next()) {
        const [key, indexing] = next;
        this.busy.add(key);
        try {
          await this.index(indexing);
        } catch (failure) {
          this.report(failure);
        } finally {
          this.busy.delete(key);
        }
      }
    } catch {
      // The gateway stops.
    } finally {
      this.running--;
    }
  }

  /** The session that waits the longest; not one that another worker is at. */
  private next(): [string, Indexing] | undefined {
    if (this.stopped.signal.aborted) return undefined;
    for (const entry of this.waiting) {
      if (this.busy.has(entry[0])) continue;
      this.waiting.delete(entry[0]);
      return entry;
    }
    return undefined;
  }

  private report(failure: unknown): void {
    // A turn is missing where the session was erased meanwhile; otherwise, the turn that needs it reports it.
    const isLost = failure instanceof Fault && failure.code === 'context_lost';
    if (this.stopped.signal.aborted || isLost) return;
    this.parts.emit({ type: 'store-failed', during: 'making the index of a session', failure });
  }

  private async index(indexing: Indexing): Promise<void> {
    const { pasts, embeddings } = this.parts;
    await this.calm();
    const model = embeddings.for(indexing);
    await pasts.prepare(indexing, model?.key);
    let first: object | undefined;
    while (model) {
      await this.calm();
      const missing = await pasts.withoutVectors(indexing, model.key, BATCH, this.refused);
      // What was just embedded has a vector, unless another process or another model has taken its place.
      if (missing.length === 0 || missing[0]!.of === first) return;
      first = missing[0]!.of;
      const vectors = await this.embedded(missing, model, indexing);
      if (!vectors || !(await this.keep(vectors, model, indexing))) return;
    }
  }

  private async calm(): Promise<void> {
    while (this.parts.overload.level !== 'calm') await pause(OVERLOAD_PAUSE_MS, this.stopped.signal);
    this.stopped.signal.throwIfAborted();
  }

  /** `undefined` where the provider does not embed now: the next turn tries again. */
  private async embedded(
    passages: readonly BarePassage[],
    model: RecallModel,
    asker: Indexing,
  ): Promise<PassageVector[] | undefined> {
    let wait = FIRST_PAUSE_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        const { signal } = this.stopped;
        const texts = passages.map(({ text }) => text);
        const vectors = await this.parts.embeddings.passages(texts, model, asker, signal);
        return passages.map(({ turn, passage }, index) => ({
          ...{ turn, passage, vector: quantised(vectors[index]!) },
        }));
      } catch (failure) {
        this.stopped.signal.throwIfAborted();
        const meaning = callFailureOf(failure);
        const code = failure instanceof Fault ? failure.code : 'internal_error';
        const [candidate] = model.candidates;
        this.parts.emit({ type: 'recall-embedding-failed', candidate: candidate!, during: 'indexing', code });
        if (meaning?.concerns === 'request') return this.embeddedAlone(passages, model, asker);
        if (!meaning || meaning.lasts === 'final' || attempt === MOST_ATTEMPTS) return undefined;
        const asked = 1_000 * ((failure as Fault).retryAfter ?? 0);
        await pause(Math.min(LONGEST_PAUSE_MS, Math.max(asked, wait)), this.stopped.signal);
        wait *= 2;
        await this.calm();
      }
    }
  }

  /** One of the passages is refused: the others are embedded without it. */
  private async embeddedAlone(
    passages: readonly BarePassage[],
    model: RecallModel,
    asker: Indexing,
  ): Promise<PassageVector[] | undefined> {
    const [only] = passages;
    if (passages.length === 1) {
      this.refused.add(only!.of);
      return [];
    }
    const middle = passages.length >> 1;
    const first = await this.embedded(passages.slice(0, middle), model, asker);
    const second = first && (await this.embedded(passages.slice(middle), model, asker));
    return second && [...first, ...second];
  }

  /**
   * Stores vectors, and gives them to the past. False where the session was deleted or edited meanwhile: then they
   * are taken out again, because what was hidden or erased must not stay in any view.
   */
  private async keep(
    found: readonly PassageVector[],
    { key }: RecallModel,
    indexing: Indexing,
  ): Promise<boolean> {
    const { vectors, log, pasts } = this.parts;
    const { tenant, session, edits } = indexing;
    if (found.length === 0) return true;
    const scope: VectorScope = { tenant, session, model: key };
    await vectors.putVectors(scope, found);
    const now = await log.findSession(tenant, { id: session });
    if (!now) {
      await vectors.eraseVectors(tenant, session);
      return false;
    }
    if (now.edits !== edits) {
      for (const turn of new Set(found.map((one) => one.turn)))
        await vectors.forgetTurn(tenant, session, turn);
      return false;
    }
    await pasts.attach(indexing, key, found);
    return true;
  }
}
