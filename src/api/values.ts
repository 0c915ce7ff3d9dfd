import { Fault } from '../core/errors.ts';
import { parseValueId } from '../core/ids.ts';
import type { Caller, Once, RequestIdentity, Tenant } from '../core/request.ts';
import type { Ask, AskedState, Session } from '../core/turn.ts';
import { isFetchable } from '../core/turn.ts';
import type { NamedValue, SessionValue, ValueCondition } from '../core/values.ts';
import { sessionNotFound } from '../session/session-names.ts';
import {
  bytesOf,
  exceededBy,
  MOST_TOTAL_BYTES,
  MOST_VALUE_BYTES,
  MOST_VALUES,
  type ValueChange,
  type ValueOutcome,
} from '../session/value-store.ts';
import type { TurnPath } from '../turn/path.ts';
import { expectMayKeep } from './keeping.ts';

/** Which values of a conversation to read; they are sorted by their keys. */
export interface ValuePage {
  /** Exclusive; the id of the last value of the page before, which may be deleted by now. */
  after?: string;
  limit: number;
  order: 'asc' | 'desc';
}

/** What a request changes, and what must hold for it. */
export interface ChangeRequest {
  key: string;
  change: Exclude<ValueChange, { kind: 'delete' }>;
  condition: ValueCondition;
}

/** The entity tag of a version (RFC 9110, section 8.8.3). */
export const etagOf = (version: number): string => `"${version}"`;

/** What may be done with the values of conversations. */
export class Values {
  constructor(private readonly path: TurnPath) {}

  /** `value_not_found` where the conversation has no such value. */
  async get({ tenant, id }: Session, key: string): Promise<SessionValue> {
    const value = await this.path.values.readValue(tenant, id, key);
    if (!value) throw valueNotFound(key);
    return value;
  }

  /** One page of the values, and whether there are more. `value_not_found` where `after` is no id of a value. */
  async list(
    { tenant, id }: Session,
    { after, limit, order }: ValuePage,
  ): Promise<{ values: SessionValue[]; more: boolean }> {
    const last = after === undefined ? undefined : parseValueId(after);
    if (after !== undefined && last?.session !== id)
      throw new Fault('value_not_found', `'${after}' is not the id of a value of this conversation.`, {
        param: 'after',
      });
    const all = await this.path.values.listValues(tenant, id);
    const rest = all.filter(({ key }) => !last || (order === 'asc' ? key > last.key : key < last.key));
    if (order === 'desc') rest.reverse();
    return { values: rest.slice(0, limit), more: rest.length > limit };
  }

  /**
   * Writes or patches a value. Rejects with `value_exists` or `value_changed`, which have the present version as
   * an `etag`, where the condition does not hold, and with `value_over_limit`.
   */
  async change(
    caller: Caller,
    session: Session,
    { key, change, condition }: ChangeRequest,
    identity: RequestIdentity | undefined,
  ): Promise<Once<SessionValue>> {
    expectMayKeep(caller);
    const { tenant, id } = session;
    const { values, idempotency } = this.path;
    // A long text need not travel to the store to be refused.
    if (change.kind === 'put' && bytesOf(change.json) > MOST_VALUE_BYTES) throw overLimit(key, 'value');
    return idempotency.runOnce(identity, tenant, {
      find: (target) => this.findWritten(session, key, Number(target.slice(id.length + 1))),
      // As long as the claim is missing, a retry makes the change again. With the claim first, a crash between the
      // two would lose the change.
      run: async (claim) => {
        const outcome = await values.changeValue(tenant, id, key, change, condition);
        if (outcome.kind !== 'done') throw refusal(session, key, condition, outcome);
        await claim(`${id}:${outcome.value.version}`);
        return outcome.value;
      },
    });
  }

  /** `value_not_found` where there is no such value; `value_changed` where the condition does not hold. */
  async remove(caller: Caller, session: Session, key: string, condition: ValueCondition): Promise<void> {
    expectMayKeep(caller);
    const { tenant, id } = session;
    const outcome = await this.path.values.changeValue(tenant, id, key, { kind: 'delete' }, condition);
    if (outcome.kind !== 'done') throw refusal(session, key, condition, outcome);
  }

  /**
   * The value as an earlier request wrote it. A later version is not given as the answer to that request: its
   * client would take it for the content that it sent, and overwrite it.
   */
  private async findWritten({ tenant, id }: Session, key: string, version: number): Promise<SessionValue> {
    const current = await this.path.values.readValue(tenant, id, key);
    if (current?.version === version) return current;
    throw changed(`An earlier request has written version ${version} of the value '${key}'.`, key, current);
  }
}

/**
 * Refuses a request that sets values where it can be known before the turn starts: the turn is not kept or has no
 * conversation, or the values exceed a limit.
 */
export async function expectMaySet(
  values: readonly NamedValue[],
  { state, retention }: Pick<Ask, 'state' | 'retention'>,
  caller: Caller,
  path: TurnPath,
): Promise<void> {
  expectMayKeep(caller);
  if (!isFetchable(retention) && retention !== 'session') throw unsettable('the request is not kept');
  const session = await sessionOfState(caller.tenant, state, path);
  const present = session ? await path.values.listValues(caller.tenant, session.id) : [];
  const texts = new Map(present.map(({ key, json }) => [key, json]));
  let bytes = present.reduce((sum, { json }) => sum + bytesOf(json), 0);
  for (const { key, json } of values) {
    const before = texts.get(key);
    const current = before === undefined ? undefined : { json: before };
    const limit = exceededBy({ current, count: texts.size, bytes }, json);
    if (limit) throw overLimit(key, limit);
    bytes += bytesOf(json) - (before === undefined ? 0 : bytesOf(before));
    texts.set(key, json);
  }
}

/** The session of the turn; `undefined` where the turn will create it, or is refused because it does not exist. */
async function sessionOfState(
  tenant: Tenant,
  state: AskedState,
  { log, sessions }: TurnPath,
): Promise<Session | undefined> {
  if (state.kind === 'session') return log.findSession(tenant, state.ref);
  const session = state.kind === 'recognised' ? undefined : await sessions.expect(tenant, state);
  if (!session) throw unsettable('the request names no conversation');
  return session;
}

const unsettable = (reason: string): Fault =>
  new Fault('invalid_request', `Values of a conversation cannot be set: ${reason}.`, {
    param: 'x-clawhold-set',
  });

export function valueNotFound(key: string): Fault {
  return new Fault('value_not_found', `The conversation has no value '${key}'.`);
}

function refusal(
  session: Session,
  key: string,
  condition: ValueCondition,
  outcome: Exclude<ValueOutcome, { kind: 'done' }>,
): Fault {
  switch (outcome.kind) {
    case 'missing':
      return valueNotFound(key);
    case 'no-session':
      return sessionNotFound({ id: session.id });
    case 'over-limit':
      return overLimit(key, outcome.limit);
    case 'unmet':
      return condition.kind === 'absent'
        ? new Fault('value_exists', `The conversation has a value '${key}'.`, tagOf(outcome.current))
        : changed('', key, outcome.current);
  }
}

function changed(reason: string, key: string, current: SessionValue | undefined): Fault {
  const now = current
    ? `The value '${key}' has version ${current.version}.`
    : `The conversation has no value '${key}'.`;
  return new Fault('value_changed', `${reason} ${now}`.trim(), tagOf(current));
}

const tagOf = (current: SessionValue | undefined) =>
  current && { headers: { etag: etagOf(current.version) } };

function overLimit(key: string, limit: (ValueOutcome & { kind: 'over-limit' })['limit']): Fault {
  const what = {
    value: `The value '${key}' would have more than ${MOST_VALUE_BYTES} bytes of JSON.`,
    number: `The conversation would have more than ${MOST_VALUES} values.`,
    total: `The values of the conversation would have more than ${MOST_TOTAL_BYTES} bytes together.`,
  };
  return new Fault('value_over_limit', what[limit]);
}
