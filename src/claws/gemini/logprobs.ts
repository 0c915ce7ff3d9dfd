import { isObject } from './wire.ts';

/** `LogprobsResult` in the shape of the Responses API, one entry per chosen token. */
export function logprobsOf(result: unknown): unknown[] | undefined {
  if (!isObject(result) || !Array.isArray(result.chosenCandidates)) return undefined;
  const tops = Array.isArray(result.topCandidates) ? result.topCandidates : [];
  return result.chosenCandidates.map((chosen, i) => {
    const top: unknown = tops[i];
    const candidates = isObject(top) && Array.isArray(top.candidates) ? top.candidates : [];
    return { ...tokenOf(chosen), top_logprobs: candidates.map(tokenOf) };
  });
}

function tokenOf(candidate: unknown): Record<string, unknown> {
  const { token, logProbability, tokenId, ...rest } = isObject(candidate) ? candidate : {};
  const text = typeof token === 'string' ? token : '';
  const id = tokenId === undefined ? undefined : { token_id: tokenId };
  return { token: text, logprob: logProbability ?? 0, bytes: [...Buffer.from(text)], ...id, ...rest };
}
