import { hash } from 'node:crypto';
import { Fault } from '../core/errors.ts';
import type { Caller, Tenant } from '../core/request.ts';

/** The tenant of the root key and of every key that names no other. */
export const DEFAULT_TENANT = 'default' as Tenant;

/** Keys are random and long, so one fast hash is enough; it keeps them out of files and memory dumps. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex');
}

/** 32 random bytes under a prefix that secret scanners can recognise. */
export function newKey(): string {
  return `sk-claw-${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')}`;
}

/** The callers, by the hash of their key. */
export class Keyring {
  private callers: ReadonlyMap<string, Caller> = new Map();

  /** Replaces all callers at once. */
  replace(callers: ReadonlyMap<string, Caller>): void {
    this.callers = callers;
  }

  /** Reads `Authorization: Bearer` or `x-api-key`. Throws `missing_key` or `invalid_key`. */
  authenticate(headers: Headers): Caller {
    const key = bearer(headers.get('authorization')) ?? headers.get('x-api-key');
    if (!key) throw new Fault('missing_key', 'This request carries no key.');
    const caller = this.callers.get(hashKey(key));
    if (!caller) throw new Fault('invalid_key', 'The key is not known here.');
    return caller;
  }
}

function bearer(header: string | null): string | undefined {
  if (header?.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return header.slice(7).trim() || undefined;
}
