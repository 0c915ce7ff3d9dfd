import { Fault } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { responseId, type SessionId, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { BranchTurn } from '../../core/turn.ts';
import { decodeTurn } from '../../session/stored-turn.ts';
import type { TurnLog, TurnRow } from '../../session/turn-log.ts';
import { Past } from './past.ts';

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

/** The passages of all pasts have about this many characters. With its index, a character takes about 2 bytes. */
const MOST_CHARACTERS = 50_000_000;
/** How much of a branch is read at once, in tokens. */
const PAGE = 200_000;
/** Other work runs after so many milliseconds. */
const LONGEST_RUN_MS = 5;

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
    private readonly emit: Emit,
  ) {}

  /** Calls `use` with the past of exactly this branch. Rejects with `context_lost` where a turn is missing. */
  async use<Result>(wanted: WantedPast, use: (past: Past) => Result): Promise<Result> {
    const kept = this.keptFor(wanted);
    const work = kept.used.then(async () => {
      await this.bringUpToDate(kept.past, wanted);
      return use(kept.past);
    });
    kept.used = work.catch(() => {});
    return work;
  }

  private keptFor({ tenant, session, edits }: WantedPast): Kept {
    const key = `${tenant}\n${session}`;
    let kept = this.kept.get(key);
    if (kept?.edits !== edits) kept = { past: new Past(), edits, used: Promise.resolve() };
    this.kept.delete(key);
    this.kept.set(key, kept);
    this.forget(key);
    return kept;
  }

  /** Forgets the least recently used pasts where they hold too much. */
  private forget(current: string): void {
    let characters = 0;
    for (const { past } of this.kept.values()) characters += past.characters;
    for (const [key, { past }] of this.kept) {
      if (characters <= MOST_CHARACTERS || key === current) return;
      characters -= past.characters;
      this.kept.delete(key);
    }
  }

  private async bringUpToDate(past: Past, { tenant, tip, branch }: WantedPast): Promise<void> {
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
    const missing = parts.reverse().flat();
    for (const turn of missing) {
      past.add(turn);
      if (performance.now() - from < LONGEST_RUN_MS) continue;
      await new Promise(setImmediate);
      from = performance.now();
    }
    this.emit({ type: 'past-updated', turns: missing.length, ms: performance.now() - startedAt });
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
