import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '../../src/core/error-catalogue.ts';

const page = readFileSync(join(import.meta.dir, '../../docs/errors.md'), 'utf8');
const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \| .+ \| (.+) \|$/gm)];

test('every code is documented with its status, whether to retry, and what to do', () => {
  const documented = Object.fromEntries(
    rows.map(([, code, status, retry, remedy]) => [
      code,
      { status: Number(status), retryable: retry === 'yes', remedy },
    ]),
  );
  const catalogue = Object.fromEntries(
    Object.entries(ERRORS).map(([code, { status, retryable, remedy }]) => [
      code,
      { status, retryable, remedy },
    ]),
  );
  expect(documented).toEqual(catalogue);
});
