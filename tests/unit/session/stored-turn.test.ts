import { expect, test } from 'bun:test';
import { newSessionId } from '../../../src/core/ids.ts';
import type { Tenant } from '../../../src/core/request.ts';
import { decodeTurn, hydrate, offload } from '../../../src/session/stored-turn.ts';
import type { Tape } from '../../../src/session/tape/format.ts';
import type { TurnRow } from '../../../src/session/turn-log.ts';
import { MemoryBlobStore } from '../../../src/stores/memory/blob-store.ts';

const owner = { tenant: 'acme' as Tenant, session: newSessionId(0) };
const event = 'response.image_generation_call.partial_image';

test('a partial image of a stream is offloaded from the tape', async () => {
  const blobs = new MemoryBlobStore();
  const data = { partial_image_b64: 'iVBOR'.repeat(10_000) };
  const tape: Tape = ['>', { type: 'progress', index: 0, event, data }];
  const offloaded = await offload(tape, owner, blobs);
  expect(JSON.stringify(offloaded).length).toBeLessThan(300);
  expect(await hydrate(offloaded, owner, blobs)).toEqual(tape);
});

test('cache marks that an earlier version stored are not read', () => {
  const cache_control = { type: 'ephemeral' };
  const content = [{ type: 'input_text', text: 'one', cache_control }];
  const input = [{ type: 'message', role: 'user', content }];
  const body = JSON.stringify({ input, inputNatives: { 0: { name: 'bob', cache_control } } });
  const row = { model: 'a/b', body, metadata: {} } as TurnRow;
  expect(decodeTurn(row).turn).toMatchObject({
    input: [{ content: [{ type: 'input_text', text: 'one' }] }],
    inputNatives: { 0: { name: 'bob' } },
  });
  expect(JSON.stringify(decodeTurn(row))).not.toContain('cache_control');
});
