import { hash } from 'node:crypto';
import { Fault } from '../../core/errors.ts';
import type { Caller } from '../../core/turn.ts';
import type { Ask, RequestIdentity } from '../../turn/ask.ts';
import { sessionHeader } from './request-state.ts';

/** How often an SDK has sent the request before. Its presence alone says that the client repeats by itself. */
const RETRY_COUNT = 'x-stainless-retry-count';

const KEY = /^[\x21-\x7e]{1,255}$/;
const QUOTED = /^"(?:[^"\\]|\\["\\])*"$/;

/**
 * How a repetition of this request is to be recognised: by the caller's own key, or by what it asks where
 * its SDK repeats by itself. Absent where neither is, and then nothing is hashed.
 *
 * `route` is the method and the path as it was registered; `text` is the body as it came.
 */
export function identityOf(
  headers: Headers,
  route: string,
  caller: Caller,
  text: string,
): RequestIdentity | undefined {
  const key = keyOf(headers);
  const retries = headers.get(RETRY_COUNT);
  if (key === undefined && retries === null) return undefined;
  return {
    route,
    key,
    fingerprint: fingerprint(
      [key ? '' : caller.key, caller.tenant, route, sessionHeader(headers)?.value],
      text,
    ),
    repeated: Number(retries) > 0,
  };
}

function keyOf(headers: Headers): string | undefined {
  const standard = readKey(headers, 'idempotency-key');
  const common = readKey(headers, 'x-idempotency-key');
  if (standard !== undefined && common !== undefined && standard !== common) {
    throw new Fault(
      'invalid_idempotency_key',
      '`idempotency-key` and `x-idempotency-key` hold different keys.',
      { param: 'idempotency-key' },
    );
  }
  return standard ?? common;
}

function readKey(headers: Headers, name: string): string | undefined {
  const value = headers.get(name);
  if (value === null) return undefined;
  const key = value.startsWith('"') ? unquoted(value) : value;
  if (key !== undefined && KEY.test(key)) return key;
  throw new Fault('invalid_idempotency_key', `The key in \`${name}\` is malformed.`, { param: name });
}

/** A string as structured fields write it (RFC 9651, section 3.3.3); clients send keys with quotes and without. */
function unquoted(value: string): string | undefined {
  return QUOTED.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : undefined;
}

/** The parts are written as JSON, so that no part can pass for two. */
function fingerprint(parts: readonly (string | undefined)[], text: string): string {
  return hash('sha256', `${JSON.stringify(parts)}\n${text}`, 'hex').slice(0, 16);
}

/** A request with a key of its own is kept, so that its outcome can be given again; nobody else can fetch it. */
export function withIdentity<Request extends Ask>(
  ask: Request,
  identity: RequestIdentity | undefined,
): Request {
  if (!identity) return ask;
  return { ...ask, identity, keep: ask.keep || identity.key !== undefined };
}
