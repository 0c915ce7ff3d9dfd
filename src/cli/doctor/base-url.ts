import type { CheckedConnection } from './connections.ts';

/** Paths of calls, which the protocols append to the base URL. */
const CALL = /\/(chat\/completions|completions|responses|messages|models|embeddings)$/;

/** What is wrong with the path of a provider's base URL, and how to correct it. */
export interface PathProblem {
  problem: string;
  remedy: string;
}

/**
 * Undefined where the path looks right, or where the operator did not set the address. A wrong path leads to a
 * web page or to 404, and the error of a call cannot explain this.
 */
export function pathProblem({
  provider,
  protocols,
  row,
  baseUrlFrom,
}: CheckedConnection): PathProblem | undefined {
  const url = URL.parse(provider.baseUrl);
  if (!url || baseUrlFrom === undefined || baseUrlFrom === 'detected') return undefined;
  const { origin, pathname } = url;
  const path = pathname.replace(/\/+$/, '');
  const change = (to: string) => `Set ${baseUrlFrom} to ${origin}${to}`;
  const call = CALL.exec(path)?.[0];
  if (call !== undefined)
    return {
      problem: `which ends with the path of a call (${call})`,
      remedy: `${change(path.slice(0, -call.length))}`,
    };
  if (protocols[0] === 'anthropic' && path.endsWith('/v1'))
    return { problem: 'whose /v1 is sent twice', remedy: change(path.slice(0, -'/v1'.length)) };
  if (path !== '' || !protocols[0].startsWith('openai-')) return undefined;
  if (!row)
    return { problem: 'which has no path', remedy: `${change('/v1')}, if this server has its API there.` };
  const usual = new URL(row.baseUrl).pathname;
  return usual === '/' ? undefined : { problem: `which lacks the path ${usual}`, remedy: change(usual) };
}
