/** The gateway's address as a visitor sees it. A proxy passes the original one in `x-forwarded-…`. */

const HOST = /^([\w.-]+|\[[\da-f:.]+\])(:\d{1,5})?$/i;
const PREFIX = /^(\/[\w.~-]+)+$/;

const forwarded = (headers: Headers, name: string): string =>
  headers.get(`x-forwarded-${name}`)?.split(',')[0]?.trim() ?? '';

const schemeOf = ({ url, headers }: Request): string => {
  const scheme = forwarded(headers, 'proto');
  return /^https?$/.test(scheme) ? scheme : new URL(url).protocol.slice(0, -1);
};

/** The path under which a proxy serves the gateway: `''`, or `/path` without a slash at its end. */
export function prefixOf({ headers }: Request): string {
  const prefix = forwarded(headers, 'prefix');
  return PREFIX.test(prefix) ? prefix : '';
}

/** Whether the visitor's connection is encrypted. */
export const isEncrypted = (request: Request): boolean => schemeOf(request) === 'https';

/** `https://host/prefix` */
export function originOf(request: Request): string {
  const host = forwarded(request.headers, 'host');
  const name = HOST.test(host) ? host : new URL(request.url).host;
  return `${schemeOf(request)}://${name}${prefixOf(request)}`;
}
