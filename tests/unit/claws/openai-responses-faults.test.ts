import { describe, expect, test } from 'bun:test';
import { openaiResponses } from '../../../src/claws/openai-responses/protocol.ts';
import type { ErrorCode } from '../../../src/core/error-catalogue.ts';
import { Fault } from '../../../src/core/errors.ts';
import { promptFor, readStream, recordings } from '../../conformance/wire-protocol.ts';

const classify = (status: number, body: unknown, headers: Record<string, string> = {}): Fault =>
  openaiResponses.fault(status, body, new Headers(headers));

const refusal = (error: Record<string, unknown>) => ({ error: { message: 'Said the provider', ...error } });

describe('an HTTP failure', () => {
  test.each<[ErrorCode, number, Record<string, unknown>]>([
    ['provider_auth_failed', 401, { type: 'invalid_request_error', code: 'invalid_api_key' }],
    ['provider_auth_failed', 403, { type: 'permission_error' }],
    ['model_not_found', 404, { code: 'model_not_found', param: 'model' }],
    ['model_not_found', 404, { code: 'DeploymentNotFound' }],
    ['provider_rejected_request', 404, { type: 'invalid_request_error', param: 'input', code: null }],
    ['rate_limited', 429, { type: 'requests', code: 'rate_limit_exceeded' }],
    ['quota_exceeded', 429, { type: 'insufficient_quota', code: 'insufficient_quota' }],
    ['quota_exceeded', 429, { type: 'insufficient_quota', code: null }],
    ['context_length_exceeded', 400, { code: 'context_length_exceeded', param: 'input' }],
    ['content_filtered', 400, { code: 'content_filter' }],
    ['content_filtered', 400, { code: 'BadRequest', innererror: { code: 'ResponsibleAIPolicyViolation' } }],
    ['content_filtered', 400, { code: 'invalid_prompt' }],
    ['provider_rejected_request', 400, { type: 'invalid_request_error', param: 'temperature', code: null }],
    ['provider_rejected_request', 400, { code: 'invalid_encrypted_content' }],
    ['provider_rejected_request', 422, {}],
    ['provider_overloaded', 503, { type: 'server_error' }],
    ['provider_overloaded', 503, { code: 'slow_down' }],
    ['provider_timeout', 504, {}],
    ['provider_error', 500, { type: 'server_error', code: 'server_error' }],
  ])('%s from %d %j', (code, status, error) => {
    const body = refusal(error);
    expect(classify(status, body)).toMatchObject({ code, message: 'Said the provider', raw: body });
  });

  test('tells when to retry', () => {
    expect(classify(429, refusal({ code: 'rate_limit_exceeded' }), { 'retry-after': '7' }).retryAfter).toBe(
      7,
    );
  });

  test.each<[ErrorCode, number, string]>([
    ['context_length_exceeded', 400, "This model's maximum context length is 4096 tokens."],
    ['context_length_exceeded', 400, 'the request exceeds the available context size. try increasing it'],
    [
      'provider_auth_failed',
      400,
      'Incorrect API key provided: na***ys. You can obtain one from https://console.x.ai.',
    ],
    ['quota_exceeded', 403, 'Your newly created teams doesn’t have any credits yet.'],
    [
      'quota_exceeded',
      429,
      'Your team 16f2 has either used all available credits or reached its monthly limit.',
    ],
    ['rate_limited', 429, 'Too many requests; the context window is not the matter.'],
  ])('without a code is classified by its message: %s from %d %s', (code, status, message) => {
    // The shape of xAI's refusals. Their `code` is a sentence.
    expect(classify(status, { code: 'Client specified an invalid argument', error: message })).toMatchObject({
      code,
      message,
    });
  });

  test.each<[unknown, string]>([
    ['<html>Bad Gateway</html>', '<html>Bad Gateway</html>'],
    ['', 'The provider answered 502.'],
    [null, 'The provider answered 502.'],
    [{ error: null }, 'The provider answered 502.'],
    [{ detail: 'Down' }, 'Down'],
  ])('of no known shape is classified by its status: %j', (body, message) => {
    expect(classify(502, body)).toMatchObject({ code: 'provider_error', message });
  });
});

describe('a failure in a stream', () => {
  const read = (event: unknown): unknown => {
    try {
      return openaiResponses.reader(promptFor(openaiResponses, true)).push({ data: JSON.stringify(event) });
    } catch (error) {
      return error;
    }
  };

  test.each<[ErrorCode, unknown]>([
    ['provider_error', { type: 'error', code: 'server_error', message: 'Oops', param: null }],
    ['rate_limited', { type: 'error', error: { code: 'rate_limit_exceeded', message: 'Oops' } }],
    ['provider_overloaded', { error: { type: 'overloaded_error', message: 'Oops' } }],
    ['provider_overloaded', { error: { code: 503, message: 'Oops' } }],
    ['provider_rejected_request', { type: 'error', error: { code: 'invalid_image_url', message: 'Oops' } }],
    [
      'content_filtered',
      { type: 'response.failed', response: { error: { code: 'bio_policy', message: 'Oops' } } },
    ],
    [
      'context_length_exceeded',
      { type: 'response.failed', response: { error: { code: 'context_length_exceeded', message: 'Oops' } } },
    ],
    [
      'provider_timeout',
      { type: 'response.failed', response: { error: { code: 'vector_store_timeout', message: 'Oops' } } },
    ],
    ['provider_error', { type: 'response.completed', response: { error: { code: 'new', message: 'Oops' } } }],
  ])('%s from %j', (code, event) => {
    const fault = read(event);
    expect(fault).toBeInstanceOf(Fault);
    expect(fault).toMatchObject({ code, message: 'Oops', raw: event });
  });

  test('without any detail is a failure too', () => {
    expect(read({ type: 'response.failed', response: { error: null } })).toMatchObject({
      code: 'provider_error',
    });
  });
});

describe('recorded failures', () => {
  const recorded = recordings(['openai'], /^responses-.*error/);
  if (recorded.length === 0) test.skip('skipped: the recorded traffic is not on this machine', () => {});
  const expected: Record<string, [number, ErrorCode]> = {
    'openai/responses-openai-error.1': [429, 'quota_exceeded'],
    'openai/responses-reasoning-model-temperature-error': [400, 'provider_rejected_request'],
  };
  for (const { name, whole, events } of recorded) {
    const [status, code] = expected[name] ?? [0, 'internal_error'];
    test(`${name} is ${code}`, () => {
      expect(classify(status, whole)).toMatchObject({ code });
      if (events)
        expect(() => readStream(openaiResponses, events)).toThrow(expect.objectContaining({ code }));
    });
  }
});
