import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '../../src/core/errors.ts';

const page = readFileSync(join(import.meta.dir, '../../docs/errors.md'), 'utf8');
const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \|/gm)];

test('every code is documented with its status and whether to retry', () => {
  const documented = Object.fromEntries(
    rows.map(([, code, status, retry]) => [code, { status: Number(status), retryable: retry === 'yes' }]),
  );
  const catalogue = Object.fromEntries(
    Object.entries(ERRORS).map(([code, { status, retryable }]) => [code, { status, retryable }]),
  );
  expect(documented).toEqual(catalogue);
});
