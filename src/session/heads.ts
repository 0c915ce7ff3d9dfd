import { Fault } from '../core/errors.ts';
import { responseId, type SessionId, type TurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import { openingTurn } from '../core/opening.ts';
import type { TurnPolicy } from '../core/policy.ts';
import type { Tenant } from '../core/request.ts';
import type { BranchTurn, Session } from '../core/turn.ts';
import type { BlobStore } from './blob-store.ts';
import { isAskedAgain } from './history.ts';
import type { LeaseStore } from './lease-store.ts';
import { busy, type Lease, type Leases } from './leases.ts';
import type { QueuedAsk } from './next-request.ts';
import type { Resumed, ResumeRequest } from './resumed.ts';
import { hydratedItems } from './stored-turn.ts';
import type { KnownHead, SessionHead, TurnLog, TurnRow } from './turn-log.ts';

/** Which head to take, and how long to wait for it. */
export interface HeadRequest {
  tenant: Tenant;
  id: SessionId;
  /** How many tokens of history the turn can use. */
  window: number;
  /** False: the head is only read, so no lease is taken and there is no wait. */
  writes: boolean;
  whenBusy: TurnPolicy['whenBusy'];
  /** Milliseconds to wait while other turns write to the session; `Infinity` for a queued or recovered turn. */
  waitMs: number;
  /** Absent where no answer is asked for. */
  asks?: QueuedAsk;
}

/** The head of a session, decoded: `leased` with the right to write there, `seen` without it. */
export type Head =
  | { kind: 'leased'; session: Session; branch: BranchTurn[]; lease: Lease }
  | { kind: 'seen'; session: Session; branch: BranchTurn[] };

/** Gives up what a turn holds of its session: the right to write there, or its place on a side line. */
export function release(taken: Head | Resumed | undefined): void {
  if (taken && 'lease' in taken) taken.lease.release();
  if (taken?.kind === 'side') taken.leave();
}

/** A head that may have moved since. */
export interface SeenHead {
  /** The number of the line that the head is on. */
  main: number;
  branch: BranchTurn[];
}

/** What `Heads` works with. */
export interface HeadsParts {
  log: TurnLog;
  leaseStore: LeaseStore;
  blobs: BlobStore;
  leases: Leases;
}

/** How often to ask for a session that another process writes to, in milliseconds; the pause doubles. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;

/** Takes the heads of sessions, and reads branches. Every branch is read whole within its window, or not at all. */
export class Heads {
  private readonly recent = new RecentBranches();

  constructor(private readonly parts: HeadsParts) {}

  /**
   * The head of a session with its lease; without it where the request only reads, or where the session is busy
   * and the request asks to fork.
   * `undefined` where there is no such session; `session_busy` where the wait was too long.
   */
  async take(request: HeadRequest): Promise<Head | undefined> {
    const { tenant, id, window, writes, whenBusy, waitMs, asks } = request;
    const { leases, leaseStore } = this.parts;
    if (!writes) return this.look(tenant, id, window);
    if (whenBusy === 'fork' && leases.isBusy(id)) return this.look(tenant, id, window);
    const until = performance.now() + waitMs;
    const leave = await leases.enter(id, waitMs, asks);
    try {
      for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
        const recent = this.recent.find(tenant, id, window);
        const found = await leaseStore.takeHead(tenant, { id }, window, leases.request(), recent?.known);
        if (found && 'token' in found) {
          const lease = leases.hold(tenant, id, found.token, leave);
          const branch = await this.branchOf(found, window, recent, lease);
          return { kind: 'leased', session: found.session, branch, lease };
        }
        if (!found || whenBusy === 'fork') {
          leave();
          return found && this.look(tenant, id, window);
        }
        // Another process writes to the session. It does not report its end, so the store is asked again.
        if (performance.now() + pause > until) throw busy('Another process writes to this session.');
        await Bun.sleep(pause);
      }
    } catch (error) {
      leave();
      throw error;
    }
  }

  /**
   * The head as it was lately, without the right to write there, for a decision that is checked under the lease.
   * `undefined` where there is no such session.
   */
  async peek(tenant: Tenant, id: SessionId, window: number): Promise<SeenHead | undefined> {
    const recent = this.recent.find(tenant, id, window);
    if (recent) return recent;
    const found = await this.look(tenant, id, window);
    if (!found) return undefined;
    const { session, branch } = found;
    this.recent.keep(session, recentBranch(session, window, branch));
    return { main: session.main ?? 0, branch };
  }

  /** Whether a turn of this process is writing to the session's main line, or waits to. */
  isBusy(session: SessionId): boolean {
    return this.parts.leases.isBusy(session);
  }

  /**
   * Waits for this process's turn on a side line; the returned function lets the next one in. `session_busy` as
   * for a session.
   */
  enterLine(session: SessionId, line: number, { waitMs, asks }: ResumeRequest): Promise<() => void> {
    return this.parts.leases.enter(`${session}/${line}`, waitMs, asks);
  }

  /** The end of a branch, as `TurnLog.readBranch` describes it; `context_lost` where the tip is missing. */
  async branch(tenant: Tenant, tip: TurnId, window: number): Promise<BranchTurn[]> {
    const rows = await this.parts.log.readBranch(tenant, tip, window);
    if (rows.length === 0)
      throw new Fault('context_lost', `Turn ${responseId(tip)} is missing from the store.`);
    return this.withOpening(await this.decode(rows));
  }

  decode(rows: readonly TurnRow[]): Promise<BranchTurn[]> {
    return Promise.all(
      rows.map(async (row) => {
        const turn = await hydratedItems(row, this.parts.blobs);
        const { tokens, totalTokens, digest, hidden } = row;
        return { turn, tokens, totalTokens, digest, hidden };
      }),
    );
  }

  /**
   * A branch without its last turn, if that turn broke off and the request asks the same again. `newItems`: see
   * `isAskedAgain`.
   */
  async beforeBroken(
    { tenant, input, window }: Pick<ResumeRequest, 'tenant' | 'input' | 'window'>,
    newItems: Item[],
    branch: readonly BranchTurn[],
  ): Promise<BranchTurn[] | undefined> {
    if (!isAskedAgain(input, newItems, branch)) return undefined;
    const { parent } = branch.at(-1)!.turn;
    return parent === null ? [] : this.branch(tenant, parent, window);
  }

  /** Keeps the branch that ends in a session's new head, so that the next turn need not read it. */
  keep(session: Session, head: TurnId, branch: BranchTurn[], window: number): void {
    this.recent.keep(session, recentBranch({ ...session, head }, window, branch));
  }

  forget(tenant: Tenant, id: SessionId): void {
    this.recent.forget(tenant, id);
  }

  /**
   * Forgets the branches that no turn has continued for so many milliseconds. True where this was more than half of
   * what was kept.
   */
  forgetUnused(forMs: number): boolean {
    return this.recent.forgetUnused(forMs);
  }

  /** The head as it is, without the right to write there. */
  private async look(
    tenant: Tenant,
    id: SessionId,
    window: number,
  ): Promise<(Head & { kind: 'seen' }) | undefined> {
    const found = await this.parts.log.readHead(tenant, { id }, window);
    if (!found) return undefined;
    const branch = await this.withOpening(await this.decode(found.branch ?? []));
    return { kind: 'seen', session: found.session, branch };
  }

  /** The branch with the turn that holds its opening instructions, which may be older than the window. */
  private async withOpening(branch: BranchTurn[]): Promise<BranchTurn[]> {
    const tip = branch.at(-1)?.turn;
    if (!tip?.opening || tip.opening.count === 0 || openingTurn(branch)) return branch;
    const row = await this.parts.log.readTurn(tip.tenant, tip.opening.at);
    if (!row)
      throw new Fault('context_lost', `Turn ${responseId(tip.opening.at)} is missing from the store.`);
    const [root, ...rest] = branch;
    return [root!, ...(await this.decode([row])), ...rest];
  }

  private async branchOf(
    { session, branch: rows }: SessionHead,
    window: number,
    recent: RecentBranch | undefined,
    lease: Lease,
  ): Promise<BranchTurn[]> {
    if (!rows) return recent!.branch;
    try {
      const branch = await this.withOpening(await this.decode(rows));
      this.recent.keep(session, recentBranch(session, window, branch));
      return branch;
    } catch (error) {
      lease.release();
      throw error;
    }
  }
}

/**
 * A session's branch in memory, as far back as `window` tokens. It is current while the store has the state
 * `known`.
 */
interface RecentBranch extends SeenHead {
  known: KnownHead;
  window: number;
}

interface KeptBranch extends RecentBranch {
  /** When it was kept, in milliseconds as of `performance.now()`: each turn of the session keeps it anew. */
  keptAt: number;
}

const recentBranch = (session: Session, window: number, branch: BranchTurn[]): RecentBranch => ({
  known: { head: session.head, edits: session.edits },
  main: session.main ?? 0,
  window,
  branch,
});

/** About four bytes a token: some tens of megabytes. */
const MAX_TOKENS = 8_000_000;
/** A longer branch is read again each time: it takes the place of too many others, and seldom fits a model. */
const MAX_TOKENS_OF_ONE = 2_000_000;

/**
 * Branches of recently used sessions, so that a follow-up need not read and decode them again. This is only a
 * cache: each use asks the store whether the session has changed, because other processes may write too. The least
 * recently used branches are dropped first.
 */
class RecentBranches {
  /** Those that were kept last come last. */
  private readonly bySession = new Map<string, KeptBranch>();
  private tokens = 0;

  find(tenant: Tenant, id: SessionId, window: number): RecentBranch | undefined {
    const recent = this.bySession.get(sessionKey(tenant, id));
    return recent && recent.window >= window ? recent : undefined;
  }

  keep({ tenant, id }: Session, recent: RecentBranch): void {
    this.forget(tenant, id);
    const tip = recent.branch.at(-1);
    if (!tip) return;
    // The root stays first, as the store gives it. It, or another turn, holds the opening instructions.
    const holder = tip.turn.opening?.at;
    const since = tip.totalTokens - recent.window;
    const branch = recent.branch.filter(
      ({ turn, totalTokens }, index) => index === 0 || totalTokens > since || turn.id === holder,
    );
    const tokens = weight(branch);
    if (tokens > MAX_TOKENS_OF_ONE) return;
    this.bySession.set(sessionKey(tenant, id), { ...recent, branch, keptAt: performance.now() });
    this.tokens += tokens;
    for (const [key, oldest] of this.bySession) {
      if (this.tokens <= MAX_TOKENS) return;
      this.drop(key, oldest);
    }
  }

  forget(tenant: Tenant, id: SessionId): void {
    const key = sessionKey(tenant, id);
    const recent = this.bySession.get(key);
    if (recent) this.drop(key, recent);
  }

  forgetUnused(forMs: number): boolean {
    const before = this.tokens;
    const since = performance.now() - forMs;
    for (const [key, kept] of this.bySession) {
      if (kept.keptAt > since) break;
      this.drop(key, kept);
    }
    return this.tokens < before / 2;
  }

  private drop(key: string, { branch }: RecentBranch): void {
    this.bySession.delete(key);
    this.tokens -= weight(branch);
  }
}

const sessionKey = (tenant: Tenant, id: SessionId): string => `${tenant}\n${id}`;

/** Even an empty turn takes memory. */
const weight = (branch: readonly BranchTurn[]): number =>
  branch.reduce((sum, { tokens }) => sum + tokens + 100, 0);
