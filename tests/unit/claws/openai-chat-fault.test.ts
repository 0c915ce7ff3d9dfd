import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openaiChat } from '../../../src/claws/openai-chat/protocol.ts';
import { TRAFFIC } from '../../conformance/wire-protocol.ts';

const fault = (status: number, body: unknown, headers = {}) =>
  openaiChat.fault(status, body, new Headers(headers));
const error = (fields: Record<string, unknown>) => ({ error: { message: 'Words.', ...fields } });

describe('faults of chat completions', () => {
  const structured: [string, number, unknown, string][] = [
    ['OpenAI: context', 400, error({ code: 'context_length_exceeded' }), 'context_length_exceeded'],
    [
      'OpenAI: quota',
      429,
      error({ code: 'insufficient_quota', type: 'insufficient_quota' }),
      'quota_exceeded',
    ],
    ['OpenAI: rate', 429, error({ code: 'rate_limit_exceeded' }), 'rate_limited'],
    ['OpenAI: key', 401, error({ code: 'invalid_api_key' }), 'provider_auth_failed'],
    ['OpenAI: model', 404, error({ code: 'model_not_found' }), 'model_not_found'],
    ['OpenAI: parameter', 400, error({ code: 'unsupported_parameter' }), 'provider_rejected_request'],
    ['OpenAI: overload', 503, error({ type: 'service_unavailable_error' }), 'provider_overloaded'],
    ['OpenAI: failure', 500, error({ type: 'server_error' }), 'provider_error'],
    [
      'Azure: filter',
      400,
      error({ code: 'content_filter', innererror: { code: 'ResponsibleAIPolicyViolation' } }),
      'content_filtered',
    ],
    ['Azure: deployment', 404, error({ code: 'DeploymentNotFound' }), 'model_not_found'],
    ['Alibaba: filter', 400, error({ code: 'data_inspection_failed' }), 'content_filtered'],
    ['Alibaba: debt', 400, error({ code: 'Arrearage' }), 'quota_exceeded'],
    ['DeepSeek: balance', 402, error({ type: 'unknown_error' }), 'quota_exceeded'],
    ['Moonshot: busy', 429, error({ type: 'engine_overloaded_error' }), 'provider_overloaded'],
    ['Moonshot: quota', 429, error({ type: 'exceeded_current_quota_error' }), 'quota_exceeded'],
    [
      'Mistral: model',
      400,
      { object: 'error', message: 'Invalid model: x', type: 'invalid_model' },
      'model_not_found',
    ],
    [
      'llama.cpp: context',
      400,
      error({ code: 400, type: 'exceed_context_size_error' }),
      'context_length_exceeded',
    ],
    ['GitHub: too large', 413, error({ code: 'tokens_limit_reached' }), 'context_length_exceeded'],
    [
      'Groq: too large for a minute',
      413,
      error({ code: 'rate_limit_exceeded' }),
      'provider_rejected_request',
    ],
    [
      'OpenRouter: moderation',
      403,
      error({ code: 403, metadata: { flagged_input: 'x' } }),
      'content_filtered',
    ],
    ['Gemini: a list', 429, [error({ code: 429, status: 'RESOURCE_EXHAUSTED' })], 'rate_limited'],
    ['Ollama: model', 404, error({ type: 'not_found_error' }), 'model_not_found'],
    ['a wrong base URL', 404, '<html>nginx</html>', 'provider_rejected_request'],
    ['a wrong base URL at FastAPI', 404, { detail: 'Not Found' }, 'provider_rejected_request'],
    ['no body', 502, '', 'provider_error'],
  ];
  for (const [name, status, body, code] of structured) {
    test(name, () => expect(fault(status, body).code as string).toBe(code));
  }

  const tooLong = [
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    'Prompt contains 40000 tokens, too large for model with 32768 maximum context length',
    'Range of input length should be [1, 30720]',
    'Invalid request: Your request exceeded model token limit: 131072',
    'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
    'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097',
    'Prompt exceeds max length',
  ];
  for (const message of tooLong) {
    test(`without a code: ${message.slice(0, 40)}`, () => {
      expect(fault(400, { error: { message } }).code).toBe('context_length_exceeded');
      expect(fault(500, { error: { message } }).code).toBe('provider_error');
    });
  }

  test('the error of the provider behind OpenRouter is classified', () => {
    const raw = '{"error":{"message":"This model\'s maximum context length is 4096 tokens"}}';
    const wrapped = { error: { message: 'Provider returned error', code: 400, metadata: { raw } } };
    expect(fault(400, wrapped).code).toBe('context_length_exceeded');
  });

  test('a wrong key and an empty account without a code', () => {
    expect(fault(400, { error: 'Incorrect API key provided: x' }).code).toBe('provider_auth_failed');
    expect(fault(400, [error({ message: 'API key not valid.' })]).code).toBe('provider_auth_failed');
    expect(fault(429, error({ message: 'Insufficient balance' })).code).toBe('quota_exceeded');
  });

  test('the message holds what the provider reported, in every shape', () => {
    const said = (body: unknown) => fault(422, body).message;
    expect(said(error({}))).toBe('The provider answered 422: Words.');
    expect(said({ message: { detail: [{ loc: ['body', 'seed'], msg: 'Extra inputs' }] } })).toContain(
      'body.seed: Extra inputs',
    );
    expect(said({ detail: [{ loc: ['body', 'seed'], msg: 'Extra inputs' }] })).toContain(
      'body.seed: Extra inputs',
    );
    expect(said({ errors: [{ message: 'Bad' }] })).toContain('Bad');
    expect(said('plain words')).toContain('plain words');
    expect(said('<!doctype html><p>x')).toContain('an HTML page');
    expect(said(null)).toContain('no reason given');
  });

  test('the time of a retry, and the unchanged body', () => {
    const body = error({ code: 'rate_limit_exceeded' });
    const limited = fault(429, body, { 'retry-after': '12' });
    expect(limited.retryAfter).toBe(12);
    expect(limited.raw).toBe(body);
  });

  test.each([
    [
      'OpenAI',
      error({ code: 'unsupported_parameter', type: 'invalid_request_error', param: 'max_tokens' }),
      { code: 'unsupported_parameter', type: 'invalid_request_error', param: 'max_tokens' },
    ],
    [
      'FastAPI',
      { detail: [{ loc: ['body', 'messages', 0, 'content'], msg: 'Field required' }] },
      { param: 'messages[0].content' },
    ],
    ['xAI', { code: 'invalid-argument', error: 'Bad.' }, { code: 'invalid-argument' }],
    [
      "Google's",
      [error({ code: 400, status: 'INVALID_ARGUMENT' })],
      { code: '400', type: 'INVALID_ARGUMENT' },
    ],
    ['null fields', error({ code: null, type: null, param: null }), undefined],
    ['an endless name', error({ code: 'x'.repeat(1_000), type: 'short' }), { type: 'short' }],
    ['a page', '<html>', undefined],
  ])("a server's own words: %s", (_, body, words) => expect(fault(400, body).reported).toEqual(words));

  const recorded = join(TRAFFIC, 'openai/chat-reasoning-model-legacy-parameter-error.json');
  test.skipIf(!existsSync(recorded))('a recorded refusal (skipped without the recorded traffic)', () => {
    const refused = fault(400, JSON.parse(readFileSync(recorded, 'utf8')));
    expect(refused.code).toBe('provider_rejected_request');
    expect(refused.message).toContain("Use 'max_completion_tokens' instead.");
    expect(refused.reported).toMatchObject({ code: 'unsupported_parameter', param: 'max_tokens' });
  });
});
