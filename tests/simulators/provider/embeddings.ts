import { planFor } from './behaviour.ts';
import { geminiHeaders, geminiRefusal } from './gemini-errors.ts';
import { openAiHeaders, openAiRefusal } from './openai-errors.ts';
import type { Refusal, Trouble } from './protocol.ts';
import { asJson, asList, asText, isJson, type Json } from './shape.ts';
import type { Exchange, WireRequest } from './wire.ts';

/**
 * OpenAI's `/embeddings` and Gemini's `:batchEmbedContents`. A vector counts the words of its text, each at a place
 * that its hash gives, so texts with equal words are close. The model's name may ask for a status or a delay.
 */

export type RecordedEmbedding = {
  api: 'openai' | 'gemini';
  model: string;
  headers: Record<string, string>;
  body: Json;
  texts: string[];
  at: number;
};

type Target = { api: 'openai' } | { api: 'gemini'; model: string };

export function embeddingTarget(path: string): Target | undefined {
  if (path === '/v1/embeddings') return { api: 'openai' };
  const [, model] = /^\/v1(?:beta)?\/models\/(.+):batchEmbedContents$/.exec(path) ?? [];
  return model === undefined ? undefined : { api: 'gemini', model: decodeURIComponent(model) };
}

const JSON_TYPE = 'content-type: application/json\r\n';

export function serveEmbedding(
  target: Target,
  request: WireRequest,
  exchange: Exchange,
  recorded: RecordedEmbedding[],
): void {
  const body = parsed(request.body);
  const model = target.api === 'gemini' ? target.model : asText(body?.model);
  const plan = planFor(model);
  const { delay, retryAfter } = plan;
  const isRepeated = recorded.some((earlier) => earlier.model === model);
  const fault = plan.once && isRepeated ? undefined : plan.fault;
  if (body) {
    const texts = target.api === 'gemini' ? geminiTexts(body) : openAiInputs(body).map(String);
    recorded.push({ api: target.api, model, headers: request.headers, body, texts, at: Date.now() });
  }
  const reply = () => {
    if (exchange.disconnected) return;
    const trouble =
      fault?.kind === 'status'
        ? ({ kind: 'status', status: fault.status, retryAfter } as const)
        : troubleOf(target, request, body, model);
    const headers = JSON_TYPE + (target.api === 'gemini' ? geminiHeaders : openAiHeaders);
    if (trouble) {
      const refusal: Refusal =
        target.api === 'gemini' ? geminiRefusal(trouble, model) : openAiRefusal(trouble, model, 'input');
      const retry = retryAfter === undefined ? '' : `retry-after: ${retryAfter}\r\n`;
      exchange.reply(refusal.status, headers + retry, JSON.stringify(refusal.body));
    } else if (fault?.kind === 'wrong-shape') exchange.reply(200, headers, '{"object":"list","data":[]}');
    else exchange.reply(200, headers, JSON.stringify(answerOf(target, body!, model)));
  };
  if (delay > 0) setTimeout(reply, delay);
  else reply();
}

function parsed(text: string): Json | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isJson(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

const invalid = (message: string, param?: string): Trouble => ({ kind: 'invalid', message, param });

function troubleOf(
  { api }: Target,
  { headers }: WireRequest,
  body: Json | undefined,
  model: string,
): Trouble | undefined {
  if (!(api === 'gemini' ? headers['x-goog-api-key'] : headers.authorization)) return { kind: 'key-missing' };
  if (!body) return invalid('We could not parse the JSON body of your request.');
  return api === 'gemini' ? geminiTrouble(body, model) : openAiTrouble(body, model);
}

/** The tokens of an input at most, and those of a request: about four characters each. */
const MOST_TOKENS = 8_192;
const MOST_TOGETHER = 300_000;

const openAiInputs = ({ input }: Json): unknown[] =>
  Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];

const sizeOf = (input: unknown): number =>
  typeof input === 'string' ? Math.ceil(input.length / 4) : Array.isArray(input) ? input.length : 0;

function openAiTrouble(body: Json, model: string): Trouble | undefined {
  const inputs = openAiInputs(body);
  const { dimensions, encoding_format: format = 'float', ...rest } = body;
  const unknown = Object.keys(rest).find((field) => !['model', 'input', 'user'].includes(field));
  if (unknown !== undefined) return invalid(`Unrecognized request argument supplied: ${unknown}`, unknown);
  if (format !== 'float' && format !== 'base64')
    return invalid("'encoding_format' is wrong.", 'encoding_format');
  const isTokens = (input: unknown) => Array.isArray(input) && input.every(Number.isInteger);
  if (
    inputs.length === 0 ||
    inputs.length > 2_048 ||
    !inputs.every((one) => (typeof one === 'string' || isTokens(one)) && sizeOf(one) > 0)
  )
    return invalid(
      "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.",
      'input',
    );
  if (inputs.some((input) => sizeOf(input) > MOST_TOKENS))
    return invalid(
      `This model's maximum context length is ${MOST_TOKENS} tokens, however you requested more.`,
      'input',
    );
  if (inputs.reduce<number>((sum, input) => sum + sizeOf(input), 0) > MOST_TOGETHER)
    return invalid(`Requested more tokens, max ${MOST_TOGETHER} tokens per request`, 'input');
  if (dimensions !== undefined && model.includes('ada'))
    return invalid('This model does not support specifying dimensions.', 'dimensions');
  return undefined;
}

const geminiTexts = (body: Json): string[] =>
  asList(body.requests).map(({ content }) =>
    asList(asJson(content).parts)
      .map(({ text }) => asText(text))
      .join(''),
  );

function geminiTrouble(body: Json, model: string): Trouble | undefined {
  const requests = asList(body.requests);
  if (requests.length === 0 || requests.length > 100)
    return invalid('* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch');
  if (requests.some((one) => one.model !== `models/${model}`))
    return invalid('* BatchEmbedContentsRequest.requests: the model must be the one of the batch');
  if (geminiTexts(body).some((text) => text === ''))
    return invalid('* EmbedContentRequest.content: content is empty');
  return undefined;
}

function answerOf({ api }: Target, body: Json, model: string): Json {
  if (api === 'gemini') {
    const [first] = asList(body.requests);
    const length = typeof first?.outputDimensionality === 'number' ? first.outputDimensionality : 96;
    return { embeddings: geminiTexts(body).map((text) => ({ values: vectorOf(text, length) })) };
  }
  const inputs = openAiInputs(body);
  const length = typeof body.dimensions === 'number' ? body.dimensions : 64;
  const tokens = inputs.reduce<number>((sum, input) => sum + sizeOf(input), 0);
  const written = (vector: number[]) =>
    body.encoding_format === 'base64'
      ? Buffer.from(Float32Array.from(vector).buffer).toString('base64')
      : vector;
  return {
    object: 'list',
    data: inputs.map((input, index) => ({
      ...{ object: 'embedding', index, embedding: written(vectorOf(String(input), length)) },
    })),
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

/** Words of an invented language, which only this model knows: each counts as the English word. */
const SYNONYMS: Readonly<Record<string, string>> = { qorvu: 'cat', tazzel: 'doctor', ombri: 'garden' };

export function vectorOf(text: string, length: number): number[] {
  const vector = new Array<number>(length).fill(0);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
    const hash = Bun.hash.xxHash32(SYNONYMS[word] ?? word);
    vector[hash % length]! += hash & 0x10000 ? 1 : -1;
  }
  const norm = Math.hypot(...vector) || 1;
  return vector.map((value) => value / norm);
}
