import type { Refusal, Trouble } from './protocol.ts';

/** Headers that Anthropic sends with every answer. */
export const anthropicHeaders = [
  'anthropic-organization-id: 00000000-0000-4000-8000-000000000000',
  'anthropic-ratelimit-requests-limit: 4000',
  'anthropic-ratelimit-requests-remaining: 3999',
  'anthropic-ratelimit-requests-reset: 2026-08-01T00:00:00Z',
  'anthropic-ratelimit-tokens-limit: 400000',
  'anthropic-ratelimit-tokens-remaining: 399000',
  'anthropic-ratelimit-tokens-reset: 2026-08-01T00:00:00Z',
  '',
].join('\r\n');

const CREDIT =
  'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.';
const RATE =
  "This request would exceed your organization's rate limit of 400,000 input tokens per minute. For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please reduce the prompt length or the maximum tokens requested, or try again later.";

const BY_STATUS: Record<number, [type: string, message: string]> = {
  401: ['authentication_error', 'invalid x-api-key'],
  403: ['permission_error', 'Your API key does not have permission to use the specified resource.'],
  404: ['not_found_error', 'model: not found'],
  413: ['request_too_large', 'Request exceeds the maximum size'],
  429: ['rate_limit_error', RATE],
  504: ['timeout_error', 'Request timed out'],
  529: ['overloaded_error', 'Overloaded'],
};

export function anthropicRefusal(trouble: Trouble): Refusal {
  switch (trouble.kind) {
    case 'invalid':
      return refusal(trouble.status ?? 400, 'invalid_request_error', trouble.message);
    case 'temperature':
      return refusal(400, 'invalid_request_error', 'temperature: range: 0..1');
    case 'key-missing':
      return refusal(401, 'authentication_error', 'x-api-key header is required');
    case 'auth':
      return refusal(401, 'authentication_error', 'invalid x-api-key');
    case 'quota':
      return refusal(400, 'invalid_request_error', CREDIT);
    case 'context': {
      const { tokens = 213462, limit = 200000 } = trouble;
      const message = `prompt is too long: ${tokens} tokens > ${limit} maximum`;
      return refusal(400, 'invalid_request_error', message);
    }
    case 'status': {
      const { status } = trouble;
      const fallback: [string, string] =
        status >= 500
          ? ['api_error', 'Internal server error']
          : ['invalid_request_error', `The request was refused with status ${status}.`];
      return refusal(status, ...(BY_STATUS[status] ?? fallback));
    }
  }
}

function refusal(status: number, type: string, message: string): Refusal {
  const request_id = 'req_011CSimulatorSimulator';
  return { status, body: { type: 'error', error: { type, message }, request_id } };
}
