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

interface RootEntry {
  hash: string;
  caller: Caller;
}

/** The callers, by the hash of their key. */
export class Keyring {
  private callers: ReadonlyMap<string, Caller> = new Map();
  private ofRoot: RootEntry | undefined;

  /** Replaces all callers at once. */
  replace(callers: ReadonlyMap<string, Caller>): void {
    this.callers = callers;
    this.ofRoot = undefined;
    for (const [hash, caller] of callers) if (caller.isRoot) this.ofRoot = { hash, caller };
  }

  /** The root key's hash and its caller; `undefined` where there is no root key. */
  get root(): RootEntry | undefined {
    return this.ofRoot;
  }

  /**
   * Reads `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`, and then the key of the query. Throws
   * `missing_key` or `invalid_key`.
   */
  authenticate(headers: Headers, inQuery?: string | null): Caller {
    const key =
      bearer(headers.get('authorization')) ||
      headers.get('x-api-key') ||
      headers.get('x-goog-api-key') ||
      inQuery;
    if (!key) throw new Fault('missing_key', whyMissing(headers));
    const caller = this.callers.get(hashKey(key));
    if (!caller) throw new Fault('invalid_key', `The key is not known here${mistakeIn(key)}.`);
    return caller;
  }
}

/** What the request has instead of a key. The text contains nothing that could be a key. */
function whyMissing(headers: Headers): string {
  const authorization = headers.get('authorization');
  if (authorization) {
    const [scheme, credentials] = authorization.trim().split(/\s+/, 2);
    if (/^bearer$/i.test(scheme!)) return 'The header `Authorization` has no key after `Bearer`.';
    const isScheme = credentials !== undefined && KNOWN_SCHEMES.test(scheme!);
    if (isScheme) return `The header \`Authorization\` has the scheme "${scheme}", not \`Bearer\`.`;
    return 'The header `Authorization` has no `Bearer` before the key.';
  }
  if (authorization === '') return 'The header `Authorization` is empty.';
  const empty = ['x-api-key', 'x-goog-api-key'].find((name) => headers.has(name));
  if (empty) return `The header \`${empty}\` is empty.`;
  const other = OTHER_KEY_HEADERS.find((name) => headers.has(name));
  if (other) return `The gateway does not read a key from the header \`${other}\`.`;
  return 'This request has no key.';
}

/** What is wrong with the form of an unknown key. The text contains no part of the key. */
function mistakeIn(key: string): string {
  if (/^bearer\s/i.test(key)) return ': the header has `Bearer` twice';
  if (/^(["'<]).*["'>]$/.test(key)) return ': it has quotation marks or brackets around it';
  if (/^[$%{]/.test(key)) return ': it looks like a variable that was not replaced';
  return '';
}

/**
 * Schemes of clients that are configured for another service (IANA, HTTP Authentication Scheme Registry; AWS).
 */
const KNOWN_SCHEMES = /^(basic|digest|negotiate|ntlm|token|apikey|api-key|key|aws4-hmac-sha256)$/i;

/** The headers in which clients of other APIs send their key. */
const OTHER_KEY_HEADERS = ['api-key', 'x-litellm-api-key'];

function bearer(header: string | null): string | undefined {
  if (header?.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return header.slice(7).trim() || undefined;
}
