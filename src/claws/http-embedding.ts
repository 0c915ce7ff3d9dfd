import { Fault } from '../core/errors.ts';
import { AnswerBody, failureOf } from './answer-body.ts';
import type { EmbeddingClaw, EmbeddingProtocol } from './embedding.ts';
import { type HttpClawParts, parseJson, refusal, send } from './http-claw.ts';
import { quotaOf } from './quota.ts';

/** What connects an API for embeddings to its provider. */
export interface HttpEmbeddingParts extends Pick<HttpClawParts, 'provider' | 'post' | 'limits' | 'redact'> {
  protocol: EmbeddingProtocol;
}

/** Connects an API for embeddings to a provider over HTTP. */
export function httpEmbedding(parts: HttpEmbeddingParts): EmbeddingClaw {
  const { provider, protocol } = parts;
  const { mostInputs, mostTokens, takesTokens } = protocol;
  return {
    ...{ provider: provider.id, mostInputs, mostTokens, takesTokens },
    async embed(request, signal, listener) {
      try {
        const limits = parts.limits();
        const answer = await send(parts, protocol.request(request, provider), signal);
        const { status, headers } = answer;
        const quota = quotaOf(headers);
        if (quota) listener?.quota(quota);
        if (status < 200 || status > 299) throw await refusal(protocol, answer, limits);
        const text = await new AnswerBody(answer, limits.totalBytes).text();
        return protocol.answer(parseJson(text, status, provider), request);
      } catch (error) {
        const failure = failureOf(error, signal);
        throw failure instanceof Fault ? failure.reworded(parts.redact) : failure;
      }
    },
  };
}
