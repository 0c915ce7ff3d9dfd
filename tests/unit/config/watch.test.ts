import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { watchFiles } from '../../../src/config/watch.ts';
import { eventually } from '../../harness/eventually.ts';
import { temporaryDirectory } from '../../harness/gateway.ts';

let cwd: string;
let file: string;
let changes: number;
let watch: { close(): void };

beforeEach(() => {
  cwd = temporaryDirectory();
  file = join(cwd, 'clawhold.yaml');
  changes = 0;
});
afterEach(() => {
  watch.close();
  rmSync(cwd, { recursive: true });
});

const begin = (...paths: string[]) => {
  watch = watchFiles(paths, () => {
    changes++;
  });
};
const noticed = (count: number) =>
  eventually(
    `change ${count} is noticed`,
    () => changes,
    (seen) => seen === count,
  );
/** Longer than two checks. */
const quiet = () => Bun.sleep(1300);

test('a file that is written, or replaced by a rename, is noticed once', async () => {
  writeFileSync(file, 'a');
  begin(file);
  writeFileSync(file, 'b');
  await noticed(1);
  writeFileSync(`${file}~`, 'c');
  renameSync(`${file}~`, file);
  await noticed(2);
  await quiet();
  expect(changes).toBe(2);
}, 20_000);

test('a link that gets another target is noticed, as a ConfigMap changes', async () => {
  for (const version of ['one', 'two']) {
    mkdirSync(join(cwd, version));
    writeFileSync(join(cwd, version, 'clawhold.yaml'), version);
  }
  symlinkSync('one', join(cwd, '..data'));
  symlinkSync('..data/clawhold.yaml', file);
  begin(file);
  symlinkSync('two', join(cwd, '..next'));
  renameSync(join(cwd, '..next'), join(cwd, '..data'));
  await noticed(1);
}, 20_000);

test('a file that is still being written waits; one that is missing is no change until it is back', async () => {
  writeFileSync(file, 'a');
  begin(file, join(cwd, 'clawhold.yml'));
  const writing = setInterval(() => writeFileSync(file, String(performance.now())), 20);
  await quiet();
  expect(changes).toBe(0);
  clearInterval(writing);
  await noticed(1);
  rmSync(file);
  await quiet();
  expect(changes).toBe(1);
  writeFileSync(join(cwd, 'clawhold.yml'), 'b');
  await noticed(2);
}, 20_000);
