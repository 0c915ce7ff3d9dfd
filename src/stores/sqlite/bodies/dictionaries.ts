import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Unusable } from '../../unusable.ts';

/**
 * The dictionaries of bodies, by the number that a stored body begins with. Append only: files hold bodies that need
 * each of them. A number is less than 40, with which a body without a dictionary begins. They are made by
 * `bench/dictionary/train.ts` from synthetic turns.
 */
const SHA_256: Readonly<Record<number, string>> = {
  1: '833e0d50ba02304b06ebde5b5c6cf52c41f744a20485415164276f805eacf0e0',
};

/** The dictionary for new bodies. */
export const LATEST = 1;

/**
 * Reads a dictionary. Throws `Unusable` where this program has no such dictionary, or where its file is missing or
 * changed: with another one, a body would become another text.
 */
export function readDictionary(number: number): Buffer {
  const expected = SHA_256[number];
  if (expected === undefined) {
    const problem = `A turn is stored with dictionary ${number}, which this program does not have`;
    throw new Unusable(problem, 'Start the newer program that wrote it.');
  }
  const path = fileURLToPath(new URL(`./dictionary-${number}.zdict`, import.meta.url));
  const bytes = existsSync(path) ? readFileSync(path) : undefined;
  if (bytes && createHash('sha256').update(bytes).digest('hex') === expected) return bytes;
  const problem = `The file ${path} is ${bytes ? 'damaged' : 'missing'}, and stored turns cannot be read without it`;
  throw new Unusable(problem, 'Install the program again.');
}
