import { Fault } from '../core/errors.ts';
import { nearest } from '../core/nearest.ts';
import { googleMethodOf } from './google-method.ts';

/** Errors for a path or method without a route. The caller has a valid key, so the errors may name routes. */

/** What the router can tell about paths. */
export interface Paths {
  /** Paths without parameters. */
  exactPaths: readonly string[];
  /** The methods that callers may use at a path; empty if no route has the path. */
  methodsAt(path: string): string[];
}

export function noRoute(method: string, path: string, paths: Paths): Fault {
  const allowed = paths.methodsAt(path);
  if (allowed.length > 0) {
    const message = `${path} does not take ${method}; it takes ${allowed.join(', ')}.`;
    return new Fault('method_not_allowed', message, { headers: { allow: allowed.join(', ') } });
  }
  const called = googleMethodOf(path);
  if (called !== undefined) {
    const instead = /embed/i.test(called) ? ' POST /v1/embeddings embeds texts.' : '';
    return new Fault(
      'not_found',
      `There is nothing at ${path}: models have no method \`${called}\` here.${instead}`,
    );
  }
  const meant = meantPath(path, paths);
  const hint = meant === undefined ? '' : ` Did you mean ${methodFor(method, meant, paths)} ${meant}?`;
  const base =
    meant?.startsWith('/v1/') && isBaseWrong(path) ? ' The base URL of this API ends in `/v1`.' : '';
  return new Fault('not_found', `There is nothing at ${method} ${path}.${hint}${base}`);
}

const methodFor = (method: string, path: string, paths: Paths): string => {
  const allowed = paths.methodsAt(path);
  return allowed.includes(method) ? method : allowed[0]!;
};

/** The client's base URL lacks `/v1`, repeats it, or has another part after it. */
const isBaseWrong = (path: string): boolean => !/^\/v1(\/(?!v1(\/|$))|$)/i.test(path);

/** The path of a route that the caller probably means. */
function meantPath(path: string, paths: Paths): string | undefined {
  const clean = path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  const rest = clean.slice(clean.toLowerCase().lastIndexOf('/v1/') + 1).replace(/^v1\//i, '');
  const tidied = `/v1/${rest.replace(/^\//, '')}`;
  if (paths.methodsAt(tidied).length > 0) return tidied;
  const known = paths.exactPaths.filter((exact) => paths.methodsAt(exact).length > 0);
  const ending = known.find((exact) => clean.endsWith(exact.slice('/v1'.length)));
  return ending ?? nearest(tidied, known)[0];
}
