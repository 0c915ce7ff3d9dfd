import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { Caller } from '../core/request.ts';
import { hashKey, type Keyring } from './keys.ts';

/** What proves that a browser has signed in, until `expiresAt` (milliseconds since the epoch). */
export interface SignInToken {
  token: string;
  expiresAt: number;
}

/** How long a sign-in lasts. */
const LASTS_MS = 12 * 3_600_000;
/** Sign-outs that are remembered until their tokens expire. */
const MOST_REVOKED = 10_000;

/** Limits attempts with a wrong key, in all processes of the gateway together. */
export interface AttemptLimit {
  /** Counts an attempt if it `isWrong`. Rejects where there were too many wrong ones before it. */
  expectFew(isWrong: boolean): Promise<void>;
}

/**
 * Sign-ins of browsers with the root key.
 *
 * A token is `expiry.nonce.mac`; its mac is made with a key that is derived from the hash of the root key. So it
 * says nothing about the root key, every process on the store knows it, it outlives a restart, and a new root key
 * ends all sign-ins. A sign-out is known to the workers of this gateway alone: the browser forgets the token as well.
 */
export class SignIns {
  private readonly revoked = new Map<string, number>();

  constructor(
    private readonly keyring: Pick<Keyring, 'root'>,
    private readonly clock: Clock,
    private readonly attempts: AttemptLimit,
    /** Tells the other processes of the gateway of a sign-out; they call `forget`. */
    private readonly tell: (token: string) => void = () => {},
  ) {}

  /**
   * Rejects with `invalid_key` for any key but the root key, and with `rate_limit_exceeded` after too many of them: also
   * for the root key, because a limit that a right guess passes limits no guesses.
   */
  async signIn(key: string): Promise<SignInToken> {
    const { root } = this.keyring;
    const isRight = root !== undefined && isEqual(hashKey(key), root.hash);
    await this.attempts.expectFew(!isRight);
    if (!isRight) throw new Fault('invalid_key', 'This is not the root key.');
    const expiresAt = this.clock() + LASTS_MS;
    const nonce = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url');
    const claim = `${expiresAt.toString(36)}.${nonce}`;
    return { token: `${claim}.${macOf(claim, root.hash)}`, expiresAt };
  }

  /** Who has signed in with this token; `undefined` where it is not valid, or no longer. */
  callerOf(token: string): { caller: Caller; expiresAt: number } | undefined {
    const { root } = this.keyring;
    const [expiry = '', nonce = '', mac = ''] = token.split('.', 3);
    if (!root || !isEqual(mac, macOf(`${expiry}.${nonce}`, root.hash))) return undefined;
    const expiresAt = Number.parseInt(expiry, 36);
    if (expiresAt <= this.clock() || this.revoked.has(nonce)) return undefined;
    return { caller: root.caller, expiresAt };
  }

  /** The token is not valid from now on. */
  signOut(token: string): void {
    this.forget(token);
    this.tell(token);
  }

  /** The token is not valid in this process from now on. */
  forget(token: string): void {
    const found = this.callerOf(token);
    if (!found) return;
    const now = this.clock();
    for (const [nonce, expiresAt] of this.revoked) if (expiresAt <= now) this.revoked.delete(nonce);
    const [oldest] = this.revoked.keys();
    if (this.revoked.size >= MOST_REVOKED && oldest !== undefined) this.revoked.delete(oldest);
    this.revoked.set(token.split('.', 3)[1]!, found.expiresAt);
  }
}

const macOf = (claim: string, rootHash: string): string =>
  createHmac('sha256', `dashboard sign-in ${rootHash}`).update(claim).digest('base64url');

function isEqual(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
