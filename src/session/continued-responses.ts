import { Fault } from '../core/errors.ts';
import { responseId, sessionOf, type TurnId } from '../core/ids.ts';
import type { Tenant } from '../core/request.ts';
import type { Session, SessionRef, StateRef } from '../core/turn.ts';
import { type Head, type Heads, release } from './heads.ts';
import { EMPTY_DIGEST } from './history.ts';
import type { Resumed, ResumeRequest } from './resumed.ts';
import { isInSession } from './stored-turn.ts';
import { added } from './tool-pairs.ts';
import type { TurnLog, TurnRow } from './turn-log.ts';

type ResponseRef = Omit<StateRef & { kind: 'response' }, 'kind'>;

/** Finds what a request with `previous_response_id` continues. */
export class ContinuedResponses {
  constructor(
    private readonly log: TurnLog,
    private readonly heads: Heads,
  ) {}

  /** The branch for a turn that continues a stored response. */
  async resume(request: ResumeRequest, { id, within }: ResponseRef): Promise<Resumed> {
    const { tenant, input, window } = request;
    const { log, heads } = this;
    const [session, row] = await Promise.all([
      log.findSession(tenant, { id: sessionOf(id) }),
      this.expect(tenant, { id, within }),
    ]);
    if (within) await this.expectWithin(tenant, within, id);
    // A turn that continues the head writes to the session; a turn that continues an older turn is a fork.
    if (request.writes && session && (session.head === id || (await this.brokeOffAfter(id, session)))) {
      const head = await heads.take({ ...request, id: session.id });
      const followed = await this.atResponse(head, request, id).catch((error) => {
        release(head);
        throw error;
      });
      if (followed) return followed;
      release(head);
    }
    const branch = await heads.branch(tenant, id, window);
    const line = row.line ?? session?.main ?? 0;
    return { kind: 'beside', id: sessionOf(id), session, parent: id, line, ...added(branch, input, true) };
  }

  /**
   * Whether the session's head follows the response and broke off: the request may be the same question again.
   */
  private async brokeOffAfter(id: TurnId, { tenant, head }: Session): Promise<boolean> {
    const row = head && (await this.log.readTurn(tenant, head));
    return row ? row.parent === id && row.state !== 'completed' : false;
  }

  /** The response as the position of a turn that moves the head; `undefined` if the turn is a fork. */
  private async atResponse(
    head: Head | undefined,
    request: ResumeRequest,
    id: TurnId,
  ): Promise<Resumed | undefined> {
    if (head?.kind !== 'leased') return undefined;
    const { session, lease } = head;
    const { input, window } = request;
    const branch =
      session.head === id ? head.branch : await this.heads.beforeBroken(request, input, head.branch);
    if (!branch || branch.at(-1)?.turn.id !== id) return undefined;
    const found = {
      id: session.id,
      session,
      parent: id,
      line: session.main ?? 0,
      ...added(branch, input, true),
    };
    return { kind: 'head', ...found, lease, from: session.head, window };
  }

  /** The branch for a turn that continues turns which only the caller's connection holds. */
  async resumeHeld(
    { tenant, session: id, input, window, tokensOf }: ResumeRequest,
    { after, turns }: StateRef & { kind: 'held' },
  ): Promise<Resumed> {
    if (after !== null) await this.expect(tenant, { id: after, within: { id: sessionOf(after) } });
    const branch = after === null ? [] : await this.heads.branch(tenant, after, window);
    let totalTokens = branch.at(-1)?.totalTokens ?? 0;
    for (const turn of turns) {
      const tokens = tokensOf(turn.input) + tokensOf(turn.output);
      totalTokens += tokens;
      branch.push({ turn, tokens, totalTokens, digest: EMPTY_DIGEST, hidden: [] });
    }
    const found = { id, session: undefined, parent: after, line: 0, ...added(branch, input, true) };
    return { kind: 'beside', ...found };
  }

  /**
   * The response; `previous_response_not_found` if there is none. A response that is kept only in its session
   * can be continued only there: by a request that names the session.
   */
  async expect(tenant: Tenant, { id, within }: ResponseRef): Promise<TurnRow> {
    const row = await this.log.readTurn(tenant, id);
    if (row && (within ? isInSession(row) : !row.deleted)) return row;
    const message = `Previous response with id '${responseId(id)}' not found.`;
    throw new Fault('previous_response_not_found', message, { param: 'previous_response_id' });
  }

  private async expectWithin(tenant: Tenant, ref: SessionRef, id: TurnId): Promise<void> {
    const session = await this.log.findSession(tenant, ref);
    if (session?.id === sessionOf(id)) return;
    throw new Fault('conflicting_state', `The response ${responseId(id)} is not part of the named session.`, {
      param: 'previous_response_id',
    });
  }
}
