import { describe, expect, test } from 'bun:test';
import { anthropic } from '../../../src/claws/anthropic/protocol.ts';
import type { WireProtocol } from '../../../src/claws/claw.ts';
import { gemini } from '../../../src/claws/gemini/protocol.ts';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import type { CallFailure, ErrorCode } from '../../../src/core/error-catalogue.ts';
import { callFailureOf, Fault } from '../../../src/core/errors.ts';

/**
 * Errors as providers send them: the shape, the codes and the words that classify them are theirs, and other words
 * are left out. The source is the comment before each group: the provider's page on errors, or a public report.
 */
interface Case {
  what: string;
  status: number;
  body: unknown;
  code: ErrorCode;
  headers?: Record<string, string>;
  retryAfter?: number;
}

const openai = (fields: Record<string, unknown>) => ({
  error: { message: 'Words.', param: null, ...fields },
});
const saying = (message: string, fields: Record<string, unknown> = {}) => openai({ message, ...fields });
const invalid = { type: 'invalid_request_error', code: 'invalid_request_error' };
const page = (title: string) => `<html><head><title>${title}</title></head><body>${title}</body></html>`;

/** Sent by servers of both OpenAI protocols. */
const OPENAI: Case[] = [
  // OpenAI: platform.openai.com/docs/guides/error-codes, and `ResponseErrorCode` of its API description.
  {
    what: 'OpenAI: key',
    status: 401,
    body: openai({ code: 'invalid_api_key' }),
    code: 'provider_auth_failed',
  },
  {
    what: 'OpenAI: country',
    status: 403,
    body: openai({ code: 'unsupported_country_region_territory', type: 'request_forbidden' }),
    code: 'provider_auth_failed',
  },
  {
    what: 'OpenAI: no credit',
    status: 429,
    body: openai({ code: 'insufficient_quota', type: 'insufficient_quota' }),
    code: 'quota_exceeded',
  },
  {
    what: 'OpenAI: rate',
    status: 429,
    body: saying('Rate limit reached for m on tokens per min (TPM): Limit 1. Please try again in 6.2s.', {
      code: 'rate_limit_exceeded',
      type: 'tokens',
    }),
    code: 'rate_limited',
    retryAfter: 7,
  },
  {
    what: 'OpenAI: rate, with the time in a header',
    status: 429,
    body: saying('Please try again in 20ms.', { code: 'rate_limit_exceeded', type: 'requests' }),
    headers: { 'retry-after-ms': '2500' },
    code: 'rate_limited',
    retryAfter: 3,
  },
  // A public report: vanderschaarlab/climb#1.
  {
    what: 'OpenAI: larger than the limit per minute',
    status: 429,
    body: saying('Request too large for m on tokens per min (TPM): Limit 3, Requested 4.', {
      code: 'rate_limit_exceeded',
      type: 'tokens',
    }),
    code: 'provider_rejected_request',
  },
  {
    what: 'OpenAI: context',
    status: 400,
    body: openai({ code: 'context_length_exceeded', type: 'invalid_request_error', param: 'messages' }),
    code: 'context_length_exceeded',
  },
  {
    what: 'OpenAI: model',
    status: 404,
    body: openai({ code: 'model_not_found', type: 'invalid_request_error' }),
    code: 'model_not_found',
  },
  {
    what: 'OpenAI: no access to the model',
    status: 403,
    body: openai({ code: 'model_not_found', type: 'invalid_request_error' }),
    code: 'model_not_found',
  },
  {
    what: 'OpenAI: failure',
    status: 500,
    body: openai({ type: 'server_error', code: null }),
    code: 'provider_error',
  },
  {
    what: 'OpenAI: slow down',
    status: 503,
    body: openai({ code: 'slow_down' }),
    code: 'provider_overloaded',
  },
  {
    what: 'OpenAI: flex tier without room',
    status: 429,
    body: openai({ code: 'resource_unavailable' }),
    code: 'provider_overloaded',
  },
  {
    what: 'OpenAI: safety system',
    status: 400,
    body: openai({ code: 'content_policy_violation', type: 'invalid_request_error' }),
    code: 'content_filtered',
  },
  // A public report: alan-turing-institute/t0-1#69.
  {
    what: 'OpenAI: usage policy',
    status: 400,
    body: openai({ code: 'invalid_prompt', type: 'invalid_request_error' }),
    code: 'content_filtered',
  },
  {
    what: 'OpenAI: a wrong field',
    status: 400,
    body: openai({ code: 'unsupported_parameter', param: 'max_tokens' }),
    code: 'provider_rejected_request',
  },
  // Azure: learn.microsoft.com, "Content filtering" and "Quotas and limits".
  {
    what: 'Azure: deployment',
    status: 404,
    body: openai({ code: 'DeploymentNotFound' }),
    code: 'model_not_found',
  },
  {
    what: 'Azure: filter',
    status: 400,
    body: openai({
      code: 'content_filter',
      param: 'prompt',
      innererror: {
        code: 'ResponsibleAIPolicyViolation',
        content_filter_result: { hate: { filtered: true } },
      },
    }),
    code: 'content_filtered',
  },
  // Public reports: jasonacox/TinyLLM#17, pollinations/pollinations#6260.
  {
    what: 'Azure: rate',
    status: 429,
    body: saying('Requests have exceeded token rate limit. Please retry after 20 seconds.', { code: '429' }),
    code: 'rate_limited',
    retryAfter: 20,
  },
  {
    what: 'Azure: load of the region',
    status: 429,
    body: saying('The system is currently experiencing high demand. Please retry after 20 seconds.', {
      code: '429',
    }),
    code: 'provider_overloaded',
    retryAfter: 20,
  },
  // Groq: console.groq.com/docs/errors; HunorLaczko/ha-groq-cloud-api#27, continuedev/continue#10920.
  {
    what: 'Groq: larger than the limit per minute',
    status: 413,
    body: saying('Request too large for model m on tokens per minute (TPM): Limit 3, Requested 4', {
      type: 'tokens',
      code: 'rate_limit_exceeded',
    }),
    code: 'provider_rejected_request',
  },
  {
    what: 'Groq: limit of the day',
    status: 429,
    body: saying('Rate limit reached on tokens per day (TPD). Please try again in 9m38.016s.', {
      type: 'tokens',
      code: 'rate_limit_exceeded',
    }),
    code: 'rate_limited',
    retryAfter: 579,
  },
  {
    what: 'Groq: the model wrote no JSON',
    status: 400,
    body: openai({ code: 'json_validate_failed', type: 'invalid_request_error' }),
    code: 'provider_protocol_error',
  },
  {
    what: 'Groq: the model wrote no call',
    status: 400,
    body: openai({ code: 'tool_use_failed', type: 'invalid_request_error', failed_generation: '<f' }),
    code: 'provider_protocol_error',
  },
  {
    what: 'Groq: a model of the past',
    status: 400,
    body: openai({ code: 'model_decommissioned', type: 'invalid_request_error' }),
    code: 'model_not_found',
  },
  { what: 'Groq: flex tier', status: 498, body: openai({}), code: 'provider_overloaded' },
  // xAI: docs.x.ai; UKGovernmentBEIS/inspect_ai#2267.
  {
    what: 'xAI: filter',
    status: 403,
    body: {
      code: 'The caller does not have permission to execute the specified operation',
      error: 'Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO',
    },
    code: 'content_filtered',
  },
  {
    what: 'xAI: no credit',
    status: 403,
    body: { code: 'x', error: "Your newly created team doesn't have any credits yet." },
    code: 'quota_exceeded',
  },
  {
    what: 'xAI: key',
    status: 400,
    body: { code: 'x', error: 'Incorrect API key provided: xa***12.' },
    code: 'provider_auth_failed',
  },
  {
    what: 'xAI: context',
    status: 400,
    body: { code: 'x', error: "This model's maximum prompt length is 3 but the request contains 4 tokens." },
    code: 'context_length_exceeded',
  },
  // vLLM, in its entrypoints; Gabesarch/grounded-rl#16.
  {
    what: 'vLLM: context',
    status: 400,
    body: saying('The decoder prompt (length 4) is longer than the maximum model length of 3.', {
      type: 'BadRequestError',
      code: 400,
    }),
    code: 'context_length_exceeded',
  },
  {
    what: 'vLLM: model',
    status: 404,
    body: saying('The model `m` does not exist.', { type: 'NotFoundError', code: 404 }),
    code: 'model_not_found',
  },
  // llama.cpp: pull request 15780 and issue 19774 of ggml-org/llama.cpp.
  {
    what: 'llama.cpp: context',
    status: 400,
    body: openai({ code: 400, type: 'exceed_context_size_error', n_prompt_tokens: 4, n_ctx: 3 }),
    code: 'context_length_exceeded',
  },
  {
    what: 'llama.cpp: the context is full',
    status: 500,
    body: saying('Context size has been exceeded.', { code: 500, type: 'server_error' }),
    code: 'context_length_exceeded',
  },
  {
    what: 'llama.cpp: the model is loading',
    status: 503,
    body: saying('Loading model', { code: 503, type: 'unavailable_error' }),
    code: 'provider_overloaded',
  },
  // LM Studio: Gitlawb/openclaude#353, lmstudio-ai/lmstudio-bug-tracker#546.
  {
    what: 'LM Studio: context',
    status: 400,
    body: {
      error: 'The number of tokens to keep from the initial prompt is greater than the context length.',
    },
    code: 'context_length_exceeded',
  },
  // Ollama: continuedev/continue#12795.
  {
    what: 'Ollama: model',
    status: 404,
    body: saying("model 'm' not found, try pulling it first", { type: 'not_found_error' }),
    code: 'model_not_found',
  },
  {
    what: 'Ollama: memory',
    status: 500,
    body: saying('model requires more system memory (7 GiB) than is available (5 GiB)', {
      type: 'api_error',
    }),
    code: 'provider_overloaded',
  },
  // OpenRouter: openrouter.ai/docs/api/reference/errors-and-debugging and `APIErrorType` of its clients.
  { what: 'OpenRouter: no credit', status: 402, body: openai({ code: 402 }), code: 'quota_exceeded' },
];

/** Sent by servers of chat completions. */
const CHAT: Case[] = [
  {
    what: 'OpenRouter: moderation',
    status: 403,
    body: openai({ code: 403, metadata: { reasons: ['violence'], flagged_input: 'x', provider_name: 'p' } }),
    code: 'content_filtered',
  },
  {
    what: 'OpenRouter: its own type',
    status: 400,
    body: openai({ code: 400, metadata: { error_type: 'content_policy_violation' } }),
    code: 'content_filtered',
  },
  {
    what: 'OpenRouter: the form of a message',
    status: 400,
    body: openai({ code: 400, metadata: { error_type: 'invalid_prompt' } }),
    code: 'provider_rejected_request',
  },
  {
    what: 'OpenRouter: the limit of a key',
    status: 403,
    body: saying('Key limit exceeded (total limit).', { code: 403 }),
    code: 'quota_exceeded',
  },
  {
    what: 'OpenRouter: no model of this name',
    status: 400,
    body: saying('x/y is not a valid model ID', { code: 400 }),
    code: 'model_not_found',
  },
  {
    what: 'OpenRouter: the provider behind it filters',
    status: 400,
    body: openai({ code: 400, metadata: { raw: JSON.stringify(openai({ code: 'content_filter' })) } }),
    code: 'content_filtered',
  },
  {
    what: 'OpenRouter: the provider behind it is limited',
    status: 429,
    body: openai({ code: 429, metadata: { raw: 'm is temporarily rate-limited upstream.' } }),
    headers: { 'retry-after': '9' },
    code: 'rate_limited',
    retryAfter: 9,
  },
  {
    what: 'OpenRouter: the provider behind it failed',
    status: 502,
    body: openai({ code: 502, metadata: { raw: '<html>' } }),
    code: 'provider_error',
  },
  { what: 'OpenRouter: no provider', status: 503, body: openai({ code: 503 }), code: 'provider_overloaded' },
  // DeepSeek: api-docs.deepseek.com/quick_start/error_codes; 666ghj/BettaFish#108.
  {
    what: 'DeepSeek: no credit',
    status: 402,
    body: saying('Insufficient Balance', { type: 'unknown_error', code: 'invalid_request_error' }),
    code: 'quota_exceeded',
  },
  {
    what: 'DeepSeek: filter',
    status: 400,
    body: saying('Content Exists Risk', invalid),
    code: 'content_filtered',
  },
  { what: 'DeepSeek: model', status: 400, body: saying('Model Not Exist', invalid), code: 'model_not_found' },
  {
    what: 'DeepSeek: context',
    status: 400,
    body: saying("This model's maximum context length is 3 tokens. However, you requested 4.", invalid),
    code: 'context_length_exceeded',
  },
  // Mistral: editor-code-assistant/eca#231, raycast/extensions#31107, continuedev/continue#6185.
  {
    what: 'Mistral: a wrong field',
    status: 422,
    body: {
      object: 'error',
      message: { detail: [{ type: 'extra_forbidden', loc: ['body', 'x'], msg: 'Extra inputs' }] },
      type: 'invalid_request_error',
    },
    code: 'provider_rejected_request',
  },
  {
    what: 'Mistral: rate',
    status: 429,
    body: { object: 'error', message: 'Rate limit exceeded', type: 'rate_limited', code: '1300' },
    code: 'rate_limited',
  },
  {
    what: 'Mistral: capacity',
    status: 429,
    body: { object: 'error', message: 'Words.', type: 'service_tier_capacity_exceeded', code: '3505' },
    code: 'provider_overloaded',
  },
  {
    what: 'Mistral: capacity in words',
    status: 429,
    body: {
      object: 'error',
      message: 'Service tier capacity exceeded for this model.',
      type: 'invalid_request_error',
    },
    code: 'provider_overloaded',
  },
  { what: 'Mistral: key', status: 401, body: { detail: 'Unauthorized' }, code: 'provider_auth_failed' },
  // Cohere: docs.cohere.com/v1/reference/errors.
  {
    what: 'Cohere: context',
    status: 400,
    body: { message: 'too many tokens: total number of tokens in the prompt cannot exceed 3 - received 4.' },
    code: 'context_length_exceeded',
  },
  {
    what: 'Cohere: limit of the minute',
    status: 429,
    body: { message: 'You are using a Trial key, which is limited to 40 API calls / minute.' },
    code: 'rate_limited',
  },
  {
    what: 'Cohere: limit of the month',
    status: 429,
    body: { message: 'You are using a Trial key, which is limited to 1000 API calls / month.' },
    code: 'quota_exceeded',
  },
  // Fireworks: pollinations/pollinations#12136.
  {
    what: 'Fireworks: suspended',
    status: 412,
    body: saying('Account x is suspended, possibly due to reaching the monthly spending limit', {
      code: 'PRECONDITION_FAILED',
      type: 'error',
    }),
    code: 'quota_exceeded',
  },
  {
    what: 'Fireworks: model',
    status: 404,
    body: openai({ code: 'NOT_FOUND', type: 'invalid_request_error', object: 'error' }),
    code: 'model_not_found',
  },
  // Together: docs.together.ai/docs/error-codes, and TGI behind it.
  {
    what: 'Together: context',
    status: 400,
    body: saying('Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4', { type: 'x' }),
    code: 'context_length_exceeded',
  },
  {
    what: 'Together: no credit',
    status: 402,
    body: openai({ type: 'credit_limit' }),
    code: 'quota_exceeded',
  },
  // Zhipu: docs.bigmodel.cn, "error codes".
  { what: 'Zhipu: filter', status: 400, body: openai({ code: '1301' }), code: 'content_filtered' },
  // llama-cpp-python; SGLang; Moonshot; Alibaba.
  {
    what: 'llama-cpp-python: context',
    status: 400,
    body: saying('Requested tokens (4) exceed context window of 3'),
    code: 'context_length_exceeded',
  },
  {
    what: 'Moonshot: context',
    status: 400,
    body: saying('Invalid request: Your request exceeded model token limit: 3'),
    code: 'context_length_exceeded',
  },
  {
    what: 'Alibaba: filter',
    status: 400,
    body: openai({ code: 'data_inspection_failed' }),
    code: 'content_filtered',
  },
];

const claude = (type: string, message: string) => ({ type: 'error', error: { type, message } });

const ANTHROPIC: Case[] = [
  // docs.claude.com/en/api/errors; anthropics/claude-code#66297, #30485, #8132, #65116.
  {
    what: 'no credit',
    status: 400,
    body: claude('invalid_request_error', 'Your credit balance is too low to access the API.'),
    code: 'quota_exceeded',
  },
  {
    what: 'the spending limit',
    status: 400,
    body: claude('invalid_request_error', 'You have reached your specified API usage limits.'),
    code: 'quota_exceeded',
  },
  {
    what: 'context',
    status: 400,
    body: claude('invalid_request_error', 'prompt is too long: 4 tokens > 3 maximum'),
    code: 'context_length_exceeded',
  },
  {
    what: 'context with the output',
    status: 400,
    body: claude('invalid_request_error', 'input length and `max_tokens` exceed context limit: 2 + 2 > 3'),
    code: 'context_length_exceeded',
  },
  {
    what: 'a request of too many bytes',
    status: 413,
    body: claude('request_too_large', 'Request exceeds the maximum size'),
    code: 'context_length_exceeded',
  },
  {
    what: 'filter',
    status: 400,
    body: claude('invalid_request_error', 'Output blocked by content filtering policy'),
    code: 'content_filtered',
  },
  {
    what: 'usage policy',
    status: 400,
    body: claude('invalid_request_error', "This request was blocked under Anthropic's Usage Policy."),
    code: 'content_filtered',
  },
  {
    what: 'a wrong field',
    status: 400,
    body: claude('invalid_request_error', 'messages: roles must alternate'),
    code: 'provider_rejected_request',
  },
  { what: 'permission', status: 403, body: claude('permission_error', 'No.'), code: 'provider_auth_failed' },
  { what: 'model', status: 404, body: claude('not_found_error', 'model: claude-x'), code: 'model_not_found' },
  {
    what: 'a missing file',
    status: 404,
    body: claude('not_found_error', 'File not found: file_1'),
    code: 'provider_rejected_request',
  },
  {
    what: 'rate',
    status: 429,
    body: claude('rate_limit_error', "This request would exceed your account's rate limit."),
    headers: { 'retry-after': '12' },
    code: 'rate_limited',
    retryAfter: 12,
  },
  {
    what: 'overload',
    status: 529,
    body: claude('overloaded_error', 'Overloaded'),
    code: 'provider_overloaded',
  },
  {
    what: 'overload as 500',
    status: 500,
    body: claude('api_error', 'Overloaded'),
    code: 'provider_overloaded',
  },
  { what: 'failure', status: 500, body: claude('api_error', 'Internal'), code: 'provider_error' },
  // Bedrock: docs.aws.amazon.com/bedrock/latest/APIReference; anthropics/claude-code#236.
  {
    what: 'Bedrock: context',
    status: 400,
    body: { message: 'Input is too long for requested model.' },
    code: 'context_length_exceeded',
  },
  {
    what: 'Bedrock: rate',
    status: 429,
    body: { message: 'Too many tokens, please wait before trying again.' },
    code: 'rate_limited',
  },
  // Compatible endpoints of other providers: the status is more precise than the type.
  {
    what: 'a compatible provider: no credit',
    status: 402,
    body: claude('invalid_request_error', 'Words.'),
    code: 'quota_exceeded',
  },
];

const TYPE = 'type.googleapis.com/google.rpc.';
const google = (code: number, status: string, message: string, details?: unknown[]) => ({
  error: { code, status, message, ...(details && { details }) },
});

const GEMINI: Case[] = [
  // ai.google.dev/gemini-api/docs/troubleshooting; google-gemini/gemini-cli#24641.
  {
    what: 'key',
    status: 400,
    body: google(400, 'INVALID_ARGUMENT', 'Words.', [
      { '@type': `${TYPE}ErrorInfo`, reason: 'API_KEY_INVALID' },
    ]),
    code: 'provider_auth_failed',
  },
  {
    what: 'country',
    status: 400,
    body: google(400, 'FAILED_PRECONDITION', 'User location is not supported for the API use.'),
    code: 'provider_auth_failed',
  },
  {
    what: 'context',
    status: 400,
    body: google(
      400,
      'INVALID_ARGUMENT',
      'The input token count (4) exceeds the maximum number of tokens allowed (3).',
    ),
    code: 'context_length_exceeded',
  },
  {
    what: 'rate',
    status: 429,
    body: google(429, 'RESOURCE_EXHAUSTED', 'Words. Please retry in 7s.', [
      { '@type': `${TYPE}QuotaFailure`, violations: [{ quotaId: 'GenerateRequestsPerMinutePerProject' }] },
      { '@type': `${TYPE}RetryInfo`, retryDelay: '34.4s' },
    ]),
    code: 'rate_limited',
    retryAfter: 35,
  },
  {
    what: 'the limit of the day',
    status: 429,
    body: google(429, 'RESOURCE_EXHAUSTED', 'Words.', [
      { '@type': `${TYPE}QuotaFailure`, violations: [{ quotaId: 'GenerateRequestsPerDayPerProject' }] },
    ]),
    code: 'quota_exceeded',
  },
  { what: 'overload', status: 503, body: google(503, 'UNAVAILABLE', 'Words.'), code: 'provider_overloaded' },
  {
    what: 'cancelled by the server',
    status: 499,
    body: google(499, 'CANCELLED', 'Words.'),
    code: 'provider_error',
  },
  { what: 'failure', status: 500, body: google(500, 'INTERNAL', 'Words.'), code: 'provider_error' },
  {
    what: 'model',
    status: 404,
    body: google(404, 'NOT_FOUND', 'models/x is not found for API version v1beta'),
    code: 'model_not_found',
  },
];

/** From servers between the gateway and the provider: nginx, Cloudflare, AWS API Gateway. */
const BETWEEN: Case[] = [
  {
    what: 'nginx: too large',
    status: 413,
    body: page('413 Request Entity Too Large'),
    code: 'provider_rejected_request',
  },
  {
    what: 'nginx: a wrong base URL',
    status: 404,
    body: page('404 Not Found'),
    code: 'provider_rejected_request',
  },
  { what: 'nginx: the client left', status: 499, body: '', code: 'provider_error' },
  { what: 'nginx: no answer', status: 502, body: page('502 Bad Gateway'), code: 'provider_error' },
  { what: 'nginx: too late', status: 504, body: page('504 Gateway Time-out'), code: 'provider_timeout' },
  { what: 'Cloudflare: an odd answer', status: 520, body: page('520'), code: 'provider_error' },
  { what: 'Cloudflare: refused', status: 521, body: page('521'), code: 'provider_error' },
  { what: 'Cloudflare: no connection', status: 522, body: page('522'), code: 'provider_timeout' },
  { what: 'Cloudflare: no route', status: 523, body: page('523'), code: 'provider_error' },
  { what: 'Cloudflare: no answer', status: 524, body: page('524'), code: 'provider_timeout' },
  { what: 'Cloudflare: TLS', status: 525, body: page('525'), code: 'provider_error' },
  { what: 'Cloudflare: certificate', status: 526, body: page('526'), code: 'provider_error' },
  {
    what: 'Cloudflare: blocked',
    status: 403,
    body: page('Attention Required!'),
    code: 'provider_auth_failed',
  },
  { what: 'AWS: forbidden', status: 403, body: { message: 'Forbidden' }, code: 'provider_auth_failed' },
  { what: 'AWS: rate', status: 429, body: { message: 'Too Many Requests' }, code: 'rate_limited' },
  { what: 'AWS: failure', status: 502, body: { message: 'Internal server error' }, code: 'provider_error' },
  { what: 'AWS: down', status: 503, body: { message: 'Service Unavailable' }, code: 'provider_overloaded' },
  {
    what: 'AWS: too late',
    status: 504,
    body: { message: 'Endpoint request timed out' },
    code: 'provider_timeout',
  },
];

const SENT: [WireProtocol, Case[]][] = [
  [openaiChat, [...OPENAI, ...CHAT, ...BETWEEN]],
  [openaiResponses, [...OPENAI, ...BETWEEN]],
  [anthropic, [...ANTHROPIC, ...BETWEEN]],
  [gemini, [...GEMINI, ...BETWEEN]],
];

for (const [protocol, cases] of SENT) {
  describe(`an error sent to a claw of ${protocol.name}`, () => {
    test.each(cases)('$what ($status) is $code', ({ status, body, headers, code, retryAfter }) => {
      const fault = protocol.fault(status, body, new Headers(headers));
      expect([fault.code, fault.retryAfter]).toEqual([code, retryAfter]);
      expect(fault.raw).toBe(body);
    });
  });
}

describe('a code says which candidates may answer', () => {
  test.each<[ErrorCode, CallFailure['concerns'], CallFailure['lasts']]>([
    // Only this code says that a model with a larger context may answer.
    ['context_length_exceeded', 'model', 'final'],
    ['content_filtered', 'request', 'final'],
    ['provider_rejected_request', 'model', 'final'],
    ['model_not_found', 'model', 'final'],
    ['provider_auth_failed', 'credential', 'final'],
    ['quota_exceeded', 'credential', 'final'],
    ['rate_limited', 'credential', 'while'],
    ['provider_overloaded', 'provider', 'while'],
    ['provider_timeout', 'provider', 'while'],
    ['provider_error', 'provider', 'moment'],
    ['provider_protocol_error', 'provider', 'moment'],
  ])('%s: it is about the %s, and it is %s', (code, concerns, lasts) => {
    expect(callFailureOf(new Fault(code, 'x'))).toMatchObject({ concerns, lasts });
  });
});
