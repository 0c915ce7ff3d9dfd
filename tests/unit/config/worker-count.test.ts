import { expect, test } from 'bun:test';
import { fileSchema } from '../../../src/config/schema.ts';
import { coerce } from '../../../src/config/shape.ts';
import { workerCount } from '../../../src/config/worker-count.ts';

const settings = (file: object) => fileSchema.parse(coerce(fileSchema, file));
const linux = (cores: number) => ({ platform: 'linux' as const, cores });

test('small machines, memory and other systems have one worker', () => {
  for (const cores of [0.5, 1, 2]) expect(workerCount(settings({}), linux(cores))).toBe(1);
  expect(workerCount(settings({ storage: { kind: 'memory' } }), linux(8))).toBe(1);
  expect(workerCount(settings({}), { platform: 'darwin', cores: 8 })).toBe(1);
});

test('larger ones leave a core free, and do not start any number of processes', () => {
  expect([2.5, 4, 8, 200].map((cores) => workerCount(settings({}), linux(cores)))).toEqual([1, 3, 7, 16]);
});

test('a number is what it says, or a clear error', () => {
  expect(workerCount(settings({ workers: 4 }), linux(2))).toBe(4);
  expect(workerCount(settings({ workers: '4' }), linux(2))).toBe(4);
  expect(workerCount(settings({ workers: 1, storage: { kind: 'memory' } }), linux(2))).toBe(1);
  expect(() => workerCount(settings({ workers: 2, storage: { kind: 'memory' } }), linux(4))).toThrow(
    'storage.kind',
  );
  expect(() => workerCount(settings({ workers: 2 }), { platform: 'darwin', cores: 4 })).toThrow('only Linux');
  for (const workers of [0, 65, 1.5, 'many']) expect(fileSchema.safeParse({ workers }).success).toBe(false);
});
