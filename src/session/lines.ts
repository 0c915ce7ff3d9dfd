import { Fault } from '../core/errors.ts';
import type { TurnId } from '../core/ids.ts';
import { type Item, isFullHistory } from '../core/items.ts';
import { ownInstructions } from '../core/opening.ts';
import type { BranchTurn, LineWish, Session } from '../core/turn.ts';
import type { Heads } from './heads.ts';
import {
  type HistoryMatch,
  isAskedAgain,
  isHistoryAskedAgain,
  type MatchedNode,
  matchHistory,
  unsharedItems,
} from './history.ts';
import {
  bestAgreement,
  ENOUGH,
  readSketches,
  type Sketch,
  sketchOf,
  withSketch,
  writeSketches,
} from './likeness.ts';
import type { Line, LineStore, SessionLines } from './line-store.ts';
import { continued, openingOf, type RequestOpening, sketchOfBranch } from './openings.ts';
import type { Resumed, ResumeRequest } from './resumed.ts';
import type { TreeNode, TurnLog } from './turn-log.ts';

/** The line that a request is on. */
export type ChosenLine =
  /** The main line; `number` where the choice depends on which line this is. */
  { kind: 'main'; number?: number; isNew?: boolean } | { kind: 'side'; number: number; isNew: boolean };

/** A request of a session, with what tells its line. */
export interface LineRequest {
  request: ResumeRequest;
  wish: LineWish;
  opening: RequestOpening | undefined;
  /** The client sent its full history. */
  resends: boolean;
}

export const lineRequest = (request: ResumeRequest, wish: LineWish): LineRequest => ({
  request,
  wish,
  opening: openingOf(request),
  resends: isFullHistory(request.input),
});

interface LinesParts {
  log: TurnLog;
  store: LineStore;
  heads: Heads;
}

/**
 * The lines of sessions: the main one, which ends in the head, and others beside it. Agents send side requests (a
 * title, a summary, the work of a sub-agent) in the session of their conversation, at the same time; these must
 * not become a part of it. `docs/sessions.md` has the rule.
 */
export class Lines {
  constructor(private readonly parts: LinesParts) {}

  /** The line of a request. A new line is added at once, so that a request at the same time can be told apart. */
  async choose(asked: LineRequest): Promise<ChosenLine> {
    const { request, wish } = asked;
    if (wish.branch === 'main') return { kind: 'main' };
    const mayLeave = wish.agent !== undefined || wish.branch === 'side';
    const seen = await this.parts.heads.peek(request.tenant, request.session, request.window);
    // The session was deleted meanwhile: the main line tells.
    if (!seen) return { kind: 'main' };
    if (!mayLeave && continuesHead(asked, seen.branch)) return { kind: 'main', number: seen.main };
    for (;;) {
      const stored = await this.parts.store.readLines(request.tenant, request.session);
      const known = request.writes ? stored : withFirstLine(stored, seen.branch);
      const found = await this.among(asked, known, seen.branch);
      if (found !== undefined) return chosen(found, known, wish);
      if (!request.writes) return { kind: 'side', number: NOT_ADDED, isNew: true };
      const added = await this.add(asked, known, seen.branch);
      if (added) return added;
    }
  }

  /**
   * A turn on a side line. `undefined` where the line has become the main one meanwhile; `session_busy` where too
   * many turns wait for the line, or one waits for too long.
   */
  async resume(
    asked: LineRequest,
    { number, isNew }: ChosenLine & { kind: 'side' },
  ): Promise<Resumed | undefined> {
    const { request, opening } = asked;
    const { tenant, session: id, writes } = request;
    const leave = writes ? await this.parts.heads.enterLine(id, number, request) : () => {};
    try {
      const [session, { main, lines }] = await Promise.all([
        this.parts.log.findSession(tenant, { id }),
        this.parts.store.readLines(tenant, id),
      ]);
      if (!session)
        throw new Fault('session_busy', 'The session was deleted at this moment.', { retryAfter: 1 });
      if (main !== number) {
        const line = lines.find((one) => one.number === number);
        const found = await this.follow(asked, session, number, line);
        if (!writes) return { kind: 'beside', ...found, id, session, line: number, history: 'side' };
        const lineChange = {
          ...(opening && !isNew && changedOpening(opening, line)),
          tip: { from: line?.tip ?? null, promotes: found.promotes },
        };
        return { kind: 'side', ...found, id, session, line: number, lineChange, leave, history: 'side' };
      }
    } catch (error) {
      leave();
      throw error;
    }
    leave();
    return undefined;
  }

  /** How the main line changes with a turn after the head whose opening differs from the head's. */
  async mainLineChange(
    { tenant, session }: ResumeRequest,
    opening: RequestOpening,
  ): Promise<{ opening: string } | undefined> {
    const { main, lines } = await this.parts.store.readLines(tenant, session);
    return changedOpening(
      opening,
      lines.find(({ number }) => number === main),
    );
  }

  /** What the turn of a side line continues. */
  private async follow(asked: LineRequest, session: Session, number: number, line: Line | undefined) {
    const { request, wish, opening, resends } = asked;
    const isWhole = resends || wish.isAgent || wish.agent !== undefined;
    const { match, branch, newItems, startsLine } = resends
      ? await this.afterHistory(asked, line)
      : await this.afterTip(asked, isWhole ? null : session.head, isWhole ? undefined : line);
    const parent = branch.at(-1)?.turn.id ?? null;
    const continues = match
      ? match.parent !== null && match.line === number
      : (!isWhole && !startsLine) || (await this.goesOnAfterBroken(asked, line));
    const isOwn = wish.agent !== undefined || wish.branch === 'side' || line?.agent !== undefined;
    return {
      ...continued({ turn: request.turn, branch, newItems, opening, startsLine }),
      ...{ parent, branch, promotes: continues && !isOwn },
    };
  }

  /** A full history follows the turn up to which it equals the session. */
  private async afterHistory({ request, opening }: LineRequest, line: Line | undefined): Promise<Followed> {
    const { input } = request;
    let match = await this.match(request, line ? [nodeOf(line)] : []);
    let branch = await this.branch(request, match.parent);
    const last = branch.at(-1);
    if (last && match.shared === input.length && isHistoryAskedAgain(last.turn)) {
      match = matchHistory(input, await this.treeWithout(request, last));
      branch = await this.branch(request, match.parent);
    }
    const newItems = unsharedItems(input, Math.max(match.shared, opening?.messages.length ?? 0), branch);
    return { match, branch, newItems, startsLine: !line?.tip };
  }

  /** New items follow the line's tip; the first ones of a line follow `start`. */
  private async afterTip(
    { request, opening }: LineRequest,
    start: TurnId | null,
    line: Line | undefined,
  ): Promise<Followed> {
    const tip = line?.tip ?? null;
    const newItems = request.input.slice(opening?.messages.length ?? 0);
    const branch = await this.branch(request, tip ?? start);
    const before = tip === null ? undefined : await this.parts.heads.beforeBroken(request, newItems, branch);
    if (!before) return { branch, newItems, startsLine: tip === null };
    // The broken turn may be the first of its line, or the one with which the opening changed.
    const { id, opening: noted } = branch.at(-1)!.turn;
    return { branch: before, newItems, startsLine: noted?.at === id };
  }

  /** Whether the request asks again what the line's latest turn asked, which broke off, and more after it. */
  private async goesOnAfterBroken(
    { request, opening }: LineRequest,
    line: Line | undefined,
  ): Promise<boolean> {
    const tip = line?.tip ?? null;
    const row = tip !== null && (await this.parts.log.readTurn(request.tenant, tip));
    if (!row || row.state === 'completed') return false;
    const branch = await this.branch(request, tip);
    const { input } = request;
    const news = input.slice(opening?.messages.length ?? 0);
    const last = branch.at(-1)!.turn;
    return isAskedAgain(input, news, branch) && news.length > last.input.length - ownInstructions(last);
  }

  private branch({ tenant, window }: ResumeRequest, tip: TurnId | null): Promise<BranchTurn[]> {
    return tip === null ? Promise.resolve([]) : this.parts.heads.branch(tenant, tip, window);
  }

  /** The known line that the request is on; `undefined` where it is on none. */
  private async among(
    asked: LineRequest,
    known: SessionLines,
    head: readonly BranchTurn[],
  ): Promise<number | undefined> {
    const { wish, request, opening, resends } = asked;
    const { main, lines } = known;
    if (wish.agent !== undefined) return lines.find(({ agent }) => agent === wish.agent)?.number;
    const isSide = wish.branch === 'side';
    if (resends && (head.length > 0 || lines.length > 0)) {
      const match = await this.match(request, lines.map(nodeOf));
      if (match.parent !== null && !(isSide && match.line === main)) return match.line;
    }
    if (!opening && !isSide) return main;
    const others = lines.filter(({ number, agent }) => agent === undefined && !(isSide && number === main));
    if (!opening) return others.find((line) => line.opening === '')?.number;
    return mostAlike(opening, others);
  }

  /** Adds a line for the request; `undefined` where another request has changed the lines meanwhile. */
  private async add(
    { request, wish, opening }: LineRequest,
    { lines }: SessionLines,
    head: readonly BranchTurn[],
  ): Promise<ChosenLine | undefined> {
    const { tenant, session } = request;
    const own = opening ? writeSketches([sketchOf(opening.text)]) : '';
    const add = (number: number, text: string, agent?: string) =>
      this.parts.store.addLine(tenant, session, { number, agent, opening: text });
    if (lines.length === 0) {
      const isFirst = head.length === 0 && !this.parts.heads.isBusy(session);
      if (isFirst && wish.agent === undefined && wish.branch !== 'side')
        return (await add(0, own)) ? { kind: 'main', number: 0, isNew: true } : undefined;
      const sketch = sketchOfBranch(head);
      await add(0, writeSketches(sketch ? [sketch] : []));
      // The request may be on the first line after all.
      return undefined;
    }
    const number = lines.at(-1)!.number + 1;
    return (await add(number, own, wish.agent)) ? { kind: 'side', number, isNew: true } : undefined;
  }

  /** The turn of any line up to which the items equal the session's history. */
  private async match(
    { tenant, session, input }: ResumeRequest,
    tips: readonly MatchedNode[],
  ): Promise<HistoryMatch> {
    const atTip = matchHistory(input, tips);
    // Where a model speaks after it, another turn may match more.
    if (atTip.parent !== null && !isFullHistory(input.slice(atTip.shared))) return atTip;
    return matchHistory(input, await this.parts.log.readTree(tenant, session));
  }

  /** The turns of a session without the broken turn `again`, which the client asks again. */
  async treeWithout(
    { tenant, session }: Pick<ResumeRequest, 'tenant' | 'session'>,
    again: BranchTurn,
  ): Promise<TreeNode[]> {
    const tree = await this.parts.log.readTree(tenant, session);
    return tree.filter(({ digest }) => digest !== again.digest);
  }
}

/** The position of a turn on a side line, and the items that it adds. */
interface Followed {
  /** Present for a full history. */
  match?: HistoryMatch;
  branch: BranchTurn[];
  newItems: Item[];
  startsLine: boolean;
}

/** A turn that is not kept adds no line; this stands for the number of its line. */
const NOT_ADDED = -1;

/** The lines of a session, with the first one as `add` would record it. */
function withFirstLine({ main, lines }: SessionLines, head: readonly BranchTurn[]): SessionLines {
  if (lines.length > 0) return { main, lines };
  const sketch = sketchOfBranch(head);
  return {
    main,
    lines: [{ number: 0, opening: writeSketches(sketch ? [sketch] : []), tip: null, digest: '' }],
  };
}

/** A line without a tip matches nothing: its digest is empty. */
const nodeOf = ({ tip, digest, number }: Line): MatchedNode => ({ id: tip!, digest, line: number });

function chosen(number: number, { main }: SessionLines, { branch }: LineWish): ChosenLine {
  return number === main && branch !== 'side'
    ? { kind: 'main', number }
    : { kind: 'side', number, isNew: false };
}

/** Whether the request plainly continues the head: its history ends there, or its opening is the head's. */
function continuesHead({ request, opening, resends }: LineRequest, branch: readonly BranchTurn[]): boolean {
  const head = branch.at(-1);
  if (!head) return false;
  if (!resends) return opening !== undefined && head.turn.opening?.print === opening.print;
  const node = { id: head.turn.id, digest: head.digest, line: 0 };
  return matchHistory(request.input, [node]).parent !== null;
}

/** The number of the line whose openings agree most with this one; of equal ones, the smallest. */
function mostAlike({ text, print }: RequestOpening, lines: readonly Line[]): number | undefined {
  const known = lines.map(({ number, opening }) => ({ number, sketches: readSketches(opening) }));
  const same = known.find(({ sketches }) => sketches.some((sketch) => sketch.print === print));
  if (same) return same.number;
  const own: Sketch = sketchOf(text);
  const [best] = known
    .map(({ number, sketches }) => ({ number, agrees: bestAgreement(own, sketches) }))
    .sort((a, b) => b.agrees - a.agrees);
  return best && best.agrees >= ENOUGH ? best.number : undefined;
}

/** What a request changes of the openings of its line. */
function changedOpening({ text }: RequestOpening, line: Line | undefined): { opening: string } | undefined {
  const changed = line && withSketch(readSketches(line.opening), sketchOf(text));
  return changed && { opening: writeSketches(changed) };
}
