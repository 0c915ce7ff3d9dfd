import { Fault } from '../../src/core/errors.ts';
import { newSessionId, newTurnId, type SessionId } from '../../src/core/ids.ts';
import type { Tenant } from '../../src/core/request.ts';
import type { Session } from '../../src/core/turn.ts';
import type { TurnRow } from '../../src/session/turn-log.ts';

export const ACME = 'acme' as Tenant;
export const GLOBEX = 'globex' as Tenant;
export const NOW = 1_750_000_000_000;

export function aSession(fields: Partial<Session> = {}): Session {
  return {
    id: newSessionId(NOW),
    tenant: ACME,
    createdAt: NOW,
    metadata: {},
    head: null,
    edits: 0,
    ...fields,
  };
}

/** A turn of `session`, 100 tokens after `parent`. */
export function aTurn(session: SessionId, parent: TurnRow | null, fields: Partial<TurnRow> = {}): TurnRow {
  const createdAt = fields.createdAt ?? (parent ? parent.createdAt + 1 : NOW);
  return {
    tenant: ACME,
    session,
    id: newTurnId(session, createdAt),
    parent: parent?.id ?? null,
    createdAt,
    state: 'completed',
    dialect: 'responses',
    listed: false,
    model: 'gpt-5',
    tokens: 100,
    totalTokens: (parent?.totalTokens ?? 0) + 100,
    digest: new Bun.CryptoHasher('sha256').update(`${parent?.digest}`).digest('hex'),
    line: 0,
    body: JSON.stringify({ input: 'What is a claw?', output: 'A connection — “quoted”, \u0000, 🦞' }),
    metadata: {},
    hidden: [],
    deleted: false,
    ...fields,
  };
}

/**
 * The code of the fault that a call was refused with. Used in place of `expect().rejects`, which waits in
 * a nested event loop that messages from a worker do not reach.
 */
export async function faultOf(call: Promise<unknown>): Promise<string | undefined> {
  const reason = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  return reason instanceof Fault ? reason.code : undefined;
}
