import { expect, test } from 'bun:test';
import type { Tenant } from '../../../src/core/turn.ts';
import { bringBack, moveOut } from '../../../src/session/large-content.ts';
import type { Tape } from '../../../src/session/tape.ts';
import { MemoryBlobStore } from '../../../src/stores/memory/blob-store.ts';

const tenant = 'acme' as Tenant;
const event = 'response.image_generation_call.partial_image';

test('a picture that a stream showed on the way is not kept in the turn', async () => {
  const blobs = new MemoryBlobStore();
  const data = { partial_image_b64: 'iVBOR'.repeat(10_000) };
  const tape: Tape = ['>', { type: 'progress', index: 0, event, data }];
  const slim = await moveOut(tape, tenant, blobs);
  expect(JSON.stringify(slim).length).toBeLessThan(300);
  expect(await bringBack(slim, tenant, blobs)).toEqual(tape);
});
