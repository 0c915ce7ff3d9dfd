import { Fault } from '../../core/errors.ts';
import type { Caller } from '../../core/request.ts';
import { isEncrypted, prefixOf } from '../origin.ts';

/** Sign-ins of browsers, which send a cookie where programs send the root key. */

/** What proves a sign-in, until `expiresAt` (milliseconds since the epoch). It does not contain the key. */
interface SignInToken {
  token: string;
  expiresAt: number;
}

/** Signs browsers in and out, and knows who has signed in. */
export interface SignIns {
  /** Rejects with `invalid_key` for any key but the root key, and with `rate_limit_exceeded` after many of them. */
  signIn(key: string): Promise<SignInToken>;
  /** Who has signed in with this token; `undefined` where it is not valid, or no longer. */
  callerOf(token: string): { caller: Caller; expiresAt: number } | undefined;
  /** The token is not valid from now on. */
  signOut(token: string): void;
}

/** The only routes that a cookie opens: a browser that has signed in asks no model by accident. */
const ADMIN = '/admin/v1/';

const NAME = 'clawhold_sign_in';
const KEY_HEADERS = ['authorization', 'x-api-key', 'x-goog-api-key'];

/** The token in the cookie of a request. */
export function tokenOf(headers: Headers): string | undefined {
  const cookies = headers.get('cookie')?.split(/;\s*/) ?? [];
  return cookies.find((cookie) => cookie.startsWith(`${NAME}=`))?.slice(NAME.length + 1);
}

/**
 * The caller of a request to the management API that has a cookie and no key; `undefined` where there is none.
 * Throws `cross_site_request` for a change that the dashboard's own page has not sent.
 */
export function callerByCookie(
  { method, headers }: Request,
  path: string,
  signIns: SignIns,
): Caller | undefined {
  if (!path.startsWith(ADMIN) || KEY_HEADERS.some((name) => headers.has(name))) return undefined;
  const token = tokenOf(headers);
  const found = token === undefined ? undefined : signIns.callerOf(token);
  if (found && method !== 'GET' && method !== 'HEAD') expectOwnPage(headers);
  return found?.caller;
}

/**
 * Refuses a request of another site's page. Such a page can send no header of its own without the consent of the
 * server (WHATWG Fetch, "CORS-preflight request"), and the gateway consents to nothing. `SameSite=Strict` already
 * keeps the cookie from other sites; this also holds for other ports and names of the same site.
 */
export function expectOwnPage(headers: Headers): void {
  const site = headers.get('sec-fetch-site');
  const isOwn = headers.has('x-requested-with') && (site === null || site === 'same-origin');
  if (!isOwn) throw new Fault('cross_site_request', 'The request comes from a page of another site.');
}

/** `Set-Cookie` for a token, or without one to remove the cookie. */
export function cookieOf(request: Request, signedIn?: SignInToken): string {
  const age = signedIn ? Math.floor((signedIn.expiresAt - Date.now()) / 1_000) : 0;
  return [
    `${NAME}=${signedIn?.token ?? ''}`,
    `Path=${prefixOf(request)}/admin/v1`,
    `Max-Age=${age}`,
    'HttpOnly',
    'SameSite=Strict',
    ...(isEncrypted(request) ? ['Secure'] : []),
  ].join('; ');
}
