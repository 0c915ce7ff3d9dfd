import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { conversationId, newSessionId, type SessionId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { Tenant } from '../core/request.ts';
import type { SessionRef } from '../core/turn.ts';
import { repairToolPairs } from './tool-pairs.ts';
import type { TurnLog } from './turn-log.ts';

/** What it takes to make a session. */
export interface NewSessionParts {
  log: TurnLog;
  clock: Clock;
  emit: Emit;
}

/** How many names of sessions have their ids in memory. */
const REMEMBERED = 10_000;

/** Finds sessions by the names that callers gave them, and creates them. */
export class SessionNames {
  /** The ids of named sessions, while they are looked up and for some time after that. */
  private readonly ids = new Map<string, Promise<SessionId>>();

  constructor(private readonly parts: NewSessionParts) {}

  /**
   * The id of a named session. If there is none, it is created for a turn with these `items`; without items,
   * `session_not_found`. Requests that ask for one name at the same time get their answers in the order of the
   * requests.
   */
  find(tenant: Tenant, name: string, items: Item[] | undefined): Promise<SessionId> {
    const key = `${tenant}\n${name}`;
    let found = this.ids.get(key);
    if (!found) {
      found = this.findOrCreate(tenant, name, items);
      if (this.ids.size >= REMEMBERED) this.ids.clear();
      this.ids.set(key, found);
      found.catch(() => this.ids.delete(key));
    }
    return found;
  }

  /**
   * The same for a turn that is not kept. If there is no such session, the result is an id that no session has.
   */
  async findForReading(tenant: Tenant, name: string): Promise<SessionId> {
    const { log, clock } = this.parts;
    return (await log.findSession(tenant, { name }))?.id ?? newSessionId(clock());
  }

  forget(tenant: Tenant, name: string): void {
    this.ids.delete(`${tenant}\n${name}`);
  }

  private async findOrCreate(tenant: Tenant, name: string, items?: Item[]): Promise<SessionId> {
    const found = await this.parts.log.findSession(tenant, { name });
    if (found) return found.id;
    if (!items) throw sessionNotFound({ name });
    return newSession(tenant, name, items, this.parts);
  }
}

/** Makes a session for a turn with these items. Refuses items that cannot begin a session. */
export async function newSession(
  tenant: Tenant,
  name: string | undefined,
  items: Item[],
  { log, clock, emit }: NewSessionParts,
): Promise<SessionId> {
  repairToolPairs([], items, true);
  const createdAt = clock();
  const id = newSessionId(createdAt);
  const fresh = {
    id,
    tenant,
    ...(name !== undefined && { name }),
    createdAt,
    metadata: {},
    head: null,
    edits: 0,
  };
  const created = await log.createSession(fresh);
  if (created.id === id) emit({ type: 'session-created', tenant });
  return created.id;
}

export function sessionNotFound(ref: SessionRef): Fault {
  const name = 'id' in ref ? conversationId(ref.id) : ref.name;
  return new Fault('session_not_found', `Conversation with id '${name}' not found.`);
}
