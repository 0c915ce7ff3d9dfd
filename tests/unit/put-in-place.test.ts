import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../harness/gateway.ts';

const STARTS = 4;
const ROUNDS = 800;

let folder: string;
beforeAll(() => {
  folder = temporaryDirectory();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODULE = join(import.meta.dir, '../../bin/put-in-place.mjs');

/** A process that puts one folder after the other in place, as fast as it can. */
const PROGRAM = `
import { mkdirSync, writeFileSync } from 'node:fs';
import { putInPlace } from ${JSON.stringify(MODULE)};
for (let round = 0; round < ${ROUNDS}; round++) {
  const made = 'made-' + process.pid;
  mkdirSync(made);
  writeFileSync(made + '/program', process.pid + ' ' + round);
  putInPlace(made, 'place');
}
`;

test('several processes put their folders in one place at once', async () => {
  writeFileSync(join(folder, 'program.mjs'), PROGRAM);
  const starts = Array.from({ length: STARTS }, () =>
    Bun.spawn([process.execPath, 'program.mjs'], { cwd: folder, stderr: 'pipe' }),
  );
  for (const start of starts)
    expect([await start.exited, await new Response(start.stderr).text()]).toEqual([0, '']);
  const [pid, round] = readFileSync(join(folder, 'place', 'program'), 'utf8')
    .split(' ')
    .map(Number);
  expect(starts.map((start) => start.pid)).toContain(pid!);
  expect(round).toBe(ROUNDS - 1);
  expect(readdirSync(folder).sort()).toEqual(['place', 'program.mjs']);
}, 30_000);

test('a folder that is not there leaves the place as it is', async () => {
  const { putInPlace } = await import(MODULE);
  const place = join(folder, 'kept');
  mkdirSync(place);
  writeFileSync(join(place, 'program'), 'earlier');
  expect(() => putInPlace(join(folder, 'missing'), place)).toThrow('ENOENT');
  expect(existsSync(join(place, 'program'))).toBe(true);
});
