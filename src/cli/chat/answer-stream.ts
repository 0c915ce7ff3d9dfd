import { SseParser } from '../../claws/event-stream.ts';
import { Disconnected, GatewayError } from './gateway-error.ts';

/** One part of an answer, in order. The answer is whole only if the iteration ends without an error. */
export type AnswerPart =
  | Begun
  | { type: 'text'; text: string }
  | { type: 'reasoning'; text: string }
  | { type: 'finish'; reason: string }
  | { type: 'usage'; usage: AnswerUsage };

interface Begun {
  type: 'begun';
  model?: string;
  /** Absent when the answer cannot be fetched later. */
  responseId?: string;
  /** How many of the session's oldest tokens were left out. */
  droppedTokens: number;
}

export interface AnswerUsage {
  input: number;
  output: number;
  /** How many of the input tokens came from the provider's cache. */
  cached: number;
  /** How many of the output tokens were reasoning. */
  reasoning: number;
  /** US dollars. Absent when the price of the model is not known. */
  cost?: number;
  /** The cost is not exact. */
  estimated?: boolean;
}

interface Chunk {
  error?: { message?: string; code?: string };
  choices?: {
    delta?: { content?: string | null; refusal?: string | null; reasoning_content?: string };
    finish_reason?: string | null;
  }[];
  usage?: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details?: { cached_tokens?: number };
    completion_tokens_details?: { reasoning_tokens?: number };
    cost?: number;
    cost_estimated?: boolean;
  } | null;
}

/** What the headers of a reply say about its answer. */
export function begunWith({ headers }: Response): Begun {
  return {
    type: 'begun',
    model: headers.get('x-clawhold-model-id') ?? undefined,
    responseId: headers.get('x-clawhold-response-id') ?? undefined,
    droppedTokens: Number(/dropped=(\d+)/.exec(headers.get('x-clawhold-context') ?? '')?.[1] ?? 0),
  };
}

/**
 * Reads a streamed chat completion to its end mark. Yields the parts of each event. An event without parts
 * yields an empty list, so that the caller can count events. Throws `Disconnected` if the stream ends before
 * its end mark, and `GatewayError` if the answer failed.
 */
export async function* readAnswer(response: Response): AsyncGenerator<AnswerPart[]> {
  const parser = new SseParser();
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body ?? []) {
      for (const { data } of parser.push(decoder.decode(bytes, { stream: true })).events) {
        if (data === '[DONE]') return;
        yield partsOf(JSON.parse(data) as Chunk);
      }
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Disconnected(`The connection to the gateway broke (${code ?? message}).`);
  }
  throw new Disconnected('The connection to the gateway broke in the middle of the answer.');
}

function partsOf(chunk: Chunk): AnswerPart[] {
  if (chunk.error) throw new GatewayError(chunk.error.message ?? 'The answer failed.', 0, chunk.error.code);
  const parts: AnswerPart[] = [];
  for (const { delta, finish_reason: reason } of chunk.choices ?? []) {
    const text = delta?.content || delta?.refusal;
    if (delta?.reasoning_content) parts.push({ type: 'reasoning', text: delta.reasoning_content });
    if (text) parts.push({ type: 'text', text });
    if (reason) parts.push({ type: 'finish', reason });
  }
  if (chunk.usage) parts.push({ type: 'usage', usage: usageOf(chunk.usage) });
  return parts;
}

function usageOf(usage: NonNullable<Chunk['usage']>): AnswerUsage {
  return {
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
    cost: usage.cost,
    estimated: usage.cost_estimated,
  };
}
