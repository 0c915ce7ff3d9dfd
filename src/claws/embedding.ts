import type { EmbeddingRequest, Embeddings } from '../core/embedding.ts';
import type { Fault } from '../core/errors.ts';
import type { CallListener, Provider, WireRequest } from './claw.ts';
import type { AnswerHeaders } from './http/transport.ts';

/**
 * The part of a claw that embeds texts. It throws a `Fault`, classified once from the provider's status and
 * structured body, as `Claw.call` does: `provider_protocol_error` where the answer has not one vector of numbers for
 * each input, or vectors of different lengths; `unsupported_parameter` where the provider cannot do what is asked. An
 * abort of `signal` ends the call with the signal's reason.
 */
export interface EmbeddingClaw {
  readonly provider: string;
  /** Inputs of one call; a request with more of them is refused. */
  readonly mostInputs: number;
  /** Tokens of one call, together; the provider refuses more. Absent: not known. */
  readonly mostTokens?: number;
  /** Inputs may be tokens. */
  readonly takesTokens: boolean;
  embed(
    request: EmbeddingRequest,
    signal: AbortSignal,
    listener?: Pick<CallListener, 'quota'>,
  ): Promise<Embeddings>;
}

/** An API for embeddings: pure translation, no network. `http-embedding.ts` connects it to a transport. */
export interface EmbeddingProtocol {
  readonly mostInputs: number;
  readonly mostTokens?: number;
  readonly takesTokens: boolean;
  request(request: EmbeddingRequest, provider: Provider): WireRequest;
  /** Translates a whole answer. Throws `provider_protocol_error` where `body` is none. */
  answer(body: unknown, request: EmbeddingRequest): Embeddings;
  /** As `WireProtocol.fault`. */
  fault(status: number, body: unknown, headers: AnswerHeaders): Fault;
}
