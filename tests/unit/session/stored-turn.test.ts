import { expect, test } from 'bun:test';
import { newSessionId } from '../../../src/core/ids.ts';
import type { Tenant } from '../../../src/core/request.ts';
import { hydrate, offload } from '../../../src/session/stored-turn.ts';
import type { Tape } from '../../../src/session/tape.ts';
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
