import { isObject } from '../../../core/json.ts';

/**
 * Log probabilities of tokens, in the shape of the Responses API, as `LogprobsResult`
 * (https://ai.google.dev/api/generate-content#LogprobsResult).
 */
export const logprobsResult = (tokens: readonly unknown[]): object => ({
  topCandidates: tokens.map((token) => ({ candidates: topOf(token).map(candidate) })),
  chosenCandidates: tokens.map(candidate),
});

const topOf = (token: unknown): unknown[] =>
  isObject(token) && Array.isArray(token.top_logprobs) ? token.top_logprobs : [];

function candidate(entry: unknown): object {
  const { token, logprob, token_id } = isObject(entry) ? entry : {};
  return { token, ...(token_id !== undefined && { tokenId: token_id }), logProbability: logprob };
}
