import { isSeal } from '../../../core/seal.ts';
import { invalid } from '../../v1/fields.ts';
import { base64Text } from '../../v1/media.ts';

/**
 * Thought signatures as the dialect shows them. Google's are passed on unchanged. Seals stand in for them on answers
 * of other protocols: in base64, because the field is of the type `bytes` and SDKs decode it.
 */

/** Between the seals of one signature; no seal has a space. */
const BETWEEN = ' ';

export const signatureOf = (seals: readonly string[]): string =>
  Buffer.from(seals.join(BETWEEN)).toString('base64');

/** What every signature with seals begins with: the beginning of `SEAL_PREFIX` in base64. */
const BEGINNING = Buffer.from('clawhold-sea').toString('base64');

/**
 * The seals of a signature; `undefined` for a signature of Google. Some SDKs write it again in base64url, which is
 * read, too.
 */
export function sealsOf(signature: unknown): string[] | undefined {
  if (typeof signature !== 'string' || !signature.startsWith(BEGINNING)) return undefined;
  const seals = Buffer.from(signature, 'base64').toString().split(BETWEEN);
  return seals.every(isSeal) ? seals : undefined;
}

/** Google refuses a signature that is no base64, also in later requests. An empty one is none. */
export function requireSignature(signature: unknown, param: string): void {
  if (signature === undefined || signature === '') return;
  if (typeof signature !== 'string') throw invalid(param, 'data in base64');
  base64Text(signature, param);
}
