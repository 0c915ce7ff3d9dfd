import { Fault } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { responseId, type SessionId, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { BranchTurn } from '../../core/turn.ts';
import { decodeTurn } from '../../session/stored-turn.ts';
import type { TurnLog, TurnRow } from '../../session/turn-log.ts';
import type { PassageVector, VectorStore } from '../../session/vector-store.ts';
import { type BarePassage, Past } from './past.ts';

/** A branch whose past is wanted. */
export interface WantedPast {
  tenant: Tenant;
  session: SessionId;
  /** The last turn of the branch. */
  tip: TurnId;
  /** The end of the branch, oldest first, where it was read already. */
  branch?: readonly BranchTurn[];
  /** `Session.edits`: after an edit, the past is made again. */
  edits: number;
}

/** Bytes of memory of all pasts, about. */
const MOST_BYTES = 100_000_000;
/** A past that gets more turns than this at once is one that was made before: its vectors are in the store. */
const FEW_TURNS = 8;
/** Vectors that are read at once. */
const VECTOR_PAGE = 512;
/** How much of a branch is read at once, in tokens. */
const PAGE = 200_000;
/** Other work runs after so many milliseconds. */
const LONGEST_RUN_MS = 5;

const NONE = new WeakSet<object>();

const keyOf = ({ tenant, session }: Pick<WantedPast, 'tenant' | 'session'>): string =>
  `${tenant}\n${session}`;

interface Kept {
  past: Past;
  edits: number;
  /** The last use; the next one waits for it. */
  used: Promise<unknown>;
}

/** The pasts of recently used sessions, in memory. They are made when they are needed, and grow with their sessions. */
export class Pasts {
  private readonly kept = new Map<string, Kept>();

  constructor(
    private readonly log: Pick<TurnLog, 'readBranch'>,
    private readonly vectors: Pick<VectorStore, 'readVectors'>,
    private readonly emit: Emit,
  ) {}

  /**
   * Calls `use` with the past of exactly this branch, and waits for what it returns. Rejects with `context_lost` where
   * a turn is missing. With `model`, a past that is made anew gets the vectors of this model that are in the store.
   */
  async use<Result>(
    wanted: WantedPast,
    use: (past: Past) => Result | Promise<Result>,
    model?: string,
  ): Promise<Result> {
    const kept = this.keptFor(wanted);
    return this.afterOthers(kept, async () => {
      const added = await this.bringUpToDate(kept.past, wanted);
      if (model !== undefined && added > FEW_TURNS) await this.load(kept.past, wanted, model);
      return use(kept.past);
    });
  }

  /** Makes the past of a branch before it is needed. Nothing is done where it holds the branch, or a longer one. */
  async prepare(wanted: WantedPast, model?: string): Promise<void> {
    const before = this.kept.get(keyOf(wanted));
    // The session has moved on meanwhile: its next turn brings the past up to date.
    if (before && before.edits > wanted.edits) return;
    const kept = this.keptFor(wanted);
    await this.afterOthers(kept, async () => {
      if (!kept.past.index.table.holds(wanted.tip)) await this.bringUpToDate(kept.past, wanted);
      if (model !== undefined) await this.load(kept.past, wanted, model);
    });
  }

  /** Passages of the session's past that have no vector; none where the past is no longer kept. */
  async withoutVectors(
    of: WantedPast,
    model: string,
    most: number,
    refused: WeakSet<object>,
  ): Promise<BarePassage[]> {
    const kept = this.kept.get(keyOf(of));
    if (kept?.edits !== of.edits) return [];
    return this.afterOthers(kept, async () => kept.past.withoutVectors(model, most, refused));
  }

  /** Gives vectors to the session's past, where it is kept. */
  async attach(of: WantedPast, model: string, found: readonly PassageVector[]): Promise<void> {
    const kept = this.kept.get(keyOf(of));
    if (kept?.edits === of.edits) await this.afterOthers(kept, async () => kept.past.attach(model, found));
  }

  /** Forgets a session's past. */
  drop(session: Pick<WantedPast, 'tenant' | 'session'>): void {
    this.kept.delete(keyOf(session));
  }

  private afterOthers<Result>(kept: Kept, use: () => Promise<Result>): Promise<Result> {
    const work = kept.used.then(use);
    kept.used = work.catch(() => {});
    return work;
  }

  /** Reads the vectors of the passages that have none, from the first such passage on. */
  private async load(past: Past, { tenant, session }: WantedPast, model: string): Promise<void> {
    const [first] = past.withoutVectors(model, 1, NONE);
    if (!first) return;
    // Before all passages of its turn.
    let after: Pick<PassageVector, 'turn' | 'passage'> = { turn: first.turn, passage: '' };
    for (;;) {
      const page = await this.vectors.readVectors({ tenant, session, model }, after, VECTOR_PAGE);
      past.attach(model, page);
      if (page.length < VECTOR_PAGE) return;
      after = page.at(-1)!;
    }
  }

  private keptFor(wanted: WantedPast): Kept {
    const { edits } = wanted;
    const key = keyOf(wanted);
    let kept = this.kept.get(key);
    if (kept?.edits !== edits) kept = { past: new Past(), edits, used: Promise.resolve() };
    this.kept.delete(key);
    this.kept.set(key, kept);
    this.forget(key);
    return kept;
  }

  /** Forgets the least recently used pasts where they hold too much. */
  private forget(current: string): void {
    let bytes = 0;
    for (const { past } of this.kept.values()) bytes += past.bytes;
    for (const [key, { past }] of this.kept) {
      if (bytes <= MOST_BYTES || key === current) return;
      bytes -= past.bytes;
      this.kept.delete(key);
    }
  }

  /** How many turns it has added. */
  private async bringUpToDate(past: Past, { tenant, tip, branch }: WantedPast): Promise<number> {
    // The oldest part comes last.
    const parts: BranchTurn[][] = [];
    let part = withoutGap(branch ?? (await this.read(tenant, tip)));
    for (;;) {
      const known = part.findLastIndex(({ turn }) => past.rewind(turn.id));
      parts.push(part.slice(known + 1));
      if (known !== -1) break;
      const { parent } = part[0]!.turn;
      if (parent === null) {
        past.rewind(null);
        break;
      }
      if (past.rewind(parent)) break;
      part = withoutGap(await this.read(tenant, parent));
    }
    const startedAt = performance.now();
    let from = startedAt;
    const added = parts.reverse().flat();
    for (const turn of added) {
      for (const _ of past.add(turn)) {
        if (performance.now() - from < LONGEST_RUN_MS) continue;
        await new Promise(setImmediate);
        from = performance.now();
      }
    }
    this.emit({ type: 'past-updated', turns: added.length, ms: performance.now() - startedAt });
    return added.length;
  }

  /** The end of a branch. Large content, which has no passages, stays where it is. */
  private async read(tenant: Tenant, tip: TurnId): Promise<BranchTurn[]> {
    const rows = await this.log.readBranch(tenant, tip, PAGE);
    if (rows.length === 0) {
      throw new Fault('context_lost', `Turn ${responseId(tip)} is missing from the store.`);
    }
    return rows.map(branchTurn);
  }
}

function branchTurn(row: TurnRow): BranchTurn {
  const { tokens, totalTokens, digest, hidden } = row;
  return { turn: decodeTurn(row).turn, tokens, totalTokens, digest, hidden };
}

/** The turns that follow each other up to the last one: before them, there may be a root, or an opening. */
function withoutGap(branch: readonly BranchTurn[]): BranchTurn[] {
  let first = branch.length - 1;
  while (first > 0 && branch[first]!.turn.parent === branch[first - 1]!.turn.id) first--;
  return branch.slice(first);
}
