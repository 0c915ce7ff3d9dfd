import { describe, expect, test } from 'bun:test';
import type { Tenant } from '../../../src/core/request.ts';
import { isSeal, type Thought } from '../../../src/core/seal.ts';
import { Seals } from '../../../src/security/seals.ts';
import { MemoryKeyStore } from '../../../src/stores/memory/key-store.ts';

const ADA = 'ada' as Tenant;
const BOB = 'bob' as Tenant;
const THOUGHT: Thought = {
  origin: 'anthropic',
  protocol: 'anthropic',
  native: { signature: 'EqQBCgIYAhIM' },
  item: { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'Ünïcode 🦞 thought' }] },
};

const openSeals = (store = new MemoryKeyStore(), clock = () => 1) => Seals.open(store, clock);

describe('seals', () => {
  test('open to what was sealed, and show nothing of it', async () => {
    const seals = await openSeals();
    const text = seals.seal(THOUGHT, ADA);
    expect(isSeal(text)).toBeTrue();
    expect(text).toMatch(/^clawhold-seal\.[0-9a-f]{8}\.[\w-]+$/);
    expect(Buffer.from(text.split('.')[2]!, 'base64url').toString('latin1')).not.toContain('EqQB');
    expect(seals.open(text, ADA)).toEqual(THOUGHT);
  });

  test('are the same text each time, so that a replay is the same', async () => {
    const seals = await openSeals();
    expect(seals.seal(THOUGHT, ADA)).toBe(seals.seal(THOUGHT, ADA));
    const other = seals.seal({ ...THOUGHT, origin: 'other' }, ADA);
    expect(other.slice(23, 39)).not.toBe(seals.seal(THOUGHT, ADA).slice(23, 39));
  });

  test('open only for their tenant', async () => {
    const seals = await openSeals();
    expect(seals.open(seals.seal(THOUGHT, ADA), BOB)).toBeUndefined();
  });

  test('do not open after any change', async () => {
    const seals = await openSeals();
    const text = seals.seal(THOUGHT, ADA);
    for (let at = 'clawhold-seal.'.length; at < text.length - 1; at++) {
      const changed = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
      expect(seals.open(changed, ADA)).toBeUndefined();
    }
    const { length } = text;
    for (const cut of [length - 1, length - 30, 40, 23, 22, 15, 14])
      expect(seals.open(text.slice(0, cut), ADA)).toBeUndefined();
  });

  test('open after a rotation, and with a key that another instance has made', async () => {
    const store = new MemoryKeyStore();
    const first = await openSeals(store);
    const second = await openSeals(store);
    const old = first.seal(THOUGHT, ADA);
    const id = await first.rotate();
    const fresh = first.seal(THOUGHT, ADA);
    expect(fresh).toStartWith(`clawhold-seal.${id}.`);
    expect(old).not.toStartWith(`clawhold-seal.${id}.`);
    expect(first.open(old, ADA)).toEqual(THOUGHT);
    expect(second.open(fresh, ADA)).toBeUndefined();
    // A text that comes while the keys are read waits too.
    void second.refreshFor(['no seal', old, fresh]);
    await second.refreshFor([fresh]);
    expect(second.open(fresh, ADA)).toEqual(THOUGHT);
    expect(second.seal(THOUGHT, ADA)).toBe(fresh);
  });

  test('with made-up keys do not make an instance read the store again and again', async () => {
    const store = new MemoryKeyStore();
    let reads = 0;
    const counted = new Proxy(store, {
      get(target, name: keyof MemoryKeyStore) {
        if (name === 'sealKeys') reads++;
        return target[name].bind(target);
      },
    });
    const seals = await openSeals(counted);
    reads = 0;
    for (let count = 0; count < 20; count++) await seals.refreshFor([`clawhold-seal.ffff000${count}.AAAA`]);
    expect(reads).toBe(1);
  });

  test('made by an instance with a slow clock use the key of its rotation', async () => {
    const store = new MemoryKeyStore();
    await openSeals(store, () => 1_000);
    const late = await openSeals(store, () => 5);
    const id = await late.rotate();
    expect(late.seal(THOUGHT, ADA)).toStartWith(`clawhold-seal.${id}.`);
  });
});
