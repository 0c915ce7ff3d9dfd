import { Fault } from '../core/errors.ts';
import { completionId, type TurnId } from '../core/ids.ts';
import type { Caller, Once, RequestIdentity } from '../core/request.ts';
import { type AnsweredTurn, isFetchable } from '../core/turn.ts';
import type { TurnView } from '../core/turn-view.ts';
import { hydratedTurn } from '../session/stored-turn.ts';
import type { ListQuery, TurnRow } from '../session/turn-log.ts';
import { findTurn } from '../turn/live/find-turn.ts';
import type { TurnPath } from '../turn/path.ts';
import { expectMayKeep } from './keeping.ts';

type Parts = Pick<TurnPath, 'log' | 'blobs' | 'live' | 'feed' | 'idempotency'>;

/**
 * What may be done with chat completions. As in OpenAI's API, only completions that were asked to be stored
 * are listed and can be changed; a completion of a session can be fetched.
 */
export class Completions {
  constructor(private readonly parts: Parts) {}

  /** A completion, running or ended; `response_not_found` where there is none that can be fetched. */
  async get({ tenant }: Caller, id: TurnId): Promise<TurnView> {
    const view = await findTurn(tenant, id, this.parts);
    if (!view || !isFetchable(view.retention) || view.asked.dialect !== 'chat') throw notFound(id);
    return view;
  }

  /** A stored completion. */
  async stored(caller: Caller, id: TurnId): Promise<AnsweredTurn> {
    return this.hydrated(await this.listedRow(caller, id));
  }

  async update(
    caller: Caller,
    id: TurnId,
    metadata: Record<string, string>,
    identity: RequestIdentity | undefined,
  ): Promise<Once<AnsweredTurn>> {
    expectMayKeep(caller);
    const { log, idempotency } = this.parts;
    await this.listedRow(caller, id);
    const once = await idempotency.runOnce(identity, caller.tenant, {
      find: () => log.readTurn(caller.tenant, id),
      // The update can be repeated without harm. With the claim first, a crash between the two would lose it.
      run: async (claim) => {
        const row = await log.amendTurn(caller.tenant, id, { metadata });
        await claim(id);
        return row;
      },
    });
    return { ...once, result: await this.hydrated(listed(once.result, id)) };
  }

  async remove(caller: Caller, id: TurnId): Promise<void> {
    await this.listedRow(caller, id);
    await this.parts.log.amendTurn(caller.tenant, id, { deleted: true });
  }

  /** One page of the tenant's stored completions, and whether there are more. */
  async list({ tenant }: Caller, query: ListQuery): Promise<{ turns: AnsweredTurn[]; more: boolean }> {
    const { limit } = query;
    const rows = await this.parts.log.listTurns(tenant, { ...query, limit: limit + 1 });
    const turns = await Promise.all(rows.slice(0, limit).map((row) => this.hydrated(row)));
    return { turns, more: rows.length > limit };
  }

  private async listedRow({ tenant }: Caller, id: TurnId): Promise<TurnRow> {
    return listed(await this.parts.log.readTurn(tenant, id), id);
  }

  /** A row that is listed always asked a model. */
  private async hydrated(row: TurnRow): Promise<AnsweredTurn> {
    return (await hydratedTurn(row, this.parts.blobs)) as AnsweredTurn;
  }
}

function listed(row: TurnRow | undefined, id: TurnId): TurnRow {
  if (!row?.listed || row.deleted) throw notFound(id);
  return row;
}

export const completionNotFound = (id: string): Fault =>
  new Fault('response_not_found', `Chat completion with id '${id}' not found.`);

const notFound = (id: TurnId): Fault => completionNotFound(completionId(id));
