import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileRatioStore } from '../../src/stores/files/ratio-store.ts';

const root = mkdtempSync(join(tmpdir(), 'clawhold-ratios-'));
afterAll(() => rmSync(root, { recursive: true }));

const KEPT = new Map([['a/m', { ratios: [1.1, 1.2], safe: 1.25 }]]);

describe('the file of token ratios', () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(root, 'd-'));
  });
  const open = () => FileRatioStore.open(dataDir);

  test('is alone, and only its owner can read it', async () => {
    await (await open()).keepRatios(KEPT);
    expect(readdirSync(dataDir)).toEqual(['token-ratios.json']);
    expect(statSync(join(dataDir, 'token-ratios.json')).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['no JSON', '{"a/m":'],
    ['empty', ''],
    ['another value', 'null'],
    [
      'without ratios',
      '{"a/m":{"safe":1},"b/m":null,"c/m":{"ratios":[0],"safe":1},"d/m":{"ratios":[1],"safe":"1"}}',
    ],
  ])('is as good as empty where it is %s, and is written again', async (_, text) => {
    writeFileSync(join(dataDir, 'token-ratios.json'), text);
    const store = await open();
    expect(store.earlier.size).toBe(0);
    await store.keepRatios(KEPT);
    expect((await open()).earlier).toEqual(KEPT);
  });

  test('rejects where the folder cannot be written', async () => {
    const store = await open();
    rmSync(dataDir, { recursive: true });
    await expect(store.keepRatios(KEPT)).rejects.toThrow('ENOENT');
  });
});
