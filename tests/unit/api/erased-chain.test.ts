import { expect, test } from 'bun:test';
import { AdminSessions } from '../../../src/api/admin/sessions.ts';
import type { SessionId } from '../../../src/core/ids.ts';
import type { Tenant } from '../../../src/core/request.ts';

type Parameters = ConstructorParameters<typeof AdminSessions>;

const tenant = 'default' as Tenant;
const id = 'chain' as SessionId;
const nothing = async () => {};

test('a chain of responses without a record is erased from the memory of all workers', async () => {
  const forgotten: unknown[] = [];
  const path = {
    log: { findSession: nothing, erase: nothing },
    sessions: { forget: async (session: unknown) => forgotten.push(session) },
    ...{ journal: { erase: nothing }, blobs: { erase: nothing }, indexer: { forget: nothing } },
  } as unknown as Parameters[0];
  const survey = { refresh: nothing } as unknown as Parameters[1];
  const turns = { running: async () => [] };
  await new AdminSessions(path, survey, { list: async () => [] }, turns).remove(tenant, id, true);
  expect(forgotten).toEqual([{ tenant, id }]);
});
