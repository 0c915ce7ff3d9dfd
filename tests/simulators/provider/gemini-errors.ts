import type { Refusal, Trouble } from './protocol.ts';
import type { Json } from './shape.ts';

/** Headers that Google sends with every answer. */
export const geminiHeaders = 'server: scaffolding on HTTPServer2\r\nserver-timing: gfet4t7; dur=12\r\n';

const UNREGISTERED =
  "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.";
const QUOTA =
  'You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.';

const NAMES: Record<number, [name: string, message: string]> = {
  400: ['INVALID_ARGUMENT', 'Request contains an invalid argument.'],
  401: ['UNAUTHENTICATED', 'Request had invalid authentication credentials.'],
  403: ['PERMISSION_DENIED', 'The caller does not have permission'],
  404: ['NOT_FOUND', 'Model is not found for API version v1beta.'],
  429: ['RESOURCE_EXHAUSTED', 'Resource has been exhausted (e.g. check quota).'],
  499: ['CANCELLED', 'The operation was cancelled.'],
  503: ['UNAVAILABLE', 'The model is overloaded. Please try again later.'],
  504: ['DEADLINE_EXCEEDED', 'The request timed out. Please try again.'],
};

const INTERNAL: [string, string] = [
  'INTERNAL',
  'An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting',
];

export function geminiRefusal(trouble: Trouble, model: string): Refusal {
  switch (trouble.kind) {
    case 'invalid':
      return refusal(trouble.status ?? 400, 'INVALID_ARGUMENT', trouble.message);
    case 'temperature': {
      const description = `Invalid value at 'generation_config.temperature' (TYPE_FLOAT), ${trouble.value}`;
      // https://google.aip.dev/193: `google.rpc.BadRequest` names the fields.
      const details = {
        '@type': 'type.googleapis.com/google.rpc.BadRequest',
        fieldViolations: [{ field: 'generation_config.temperature', description }],
      };
      return refusal(400, 'INVALID_ARGUMENT', description, [details]);
    }
    case 'key-missing':
      return refusal(403, 'PERMISSION_DENIED', UNREGISTERED);
    case 'auth':
      return refusal(400, 'INVALID_ARGUMENT', 'API key not valid. Please pass a valid API key.', [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'API_KEY_INVALID',
          domain: 'googleapis.com',
          metadata: { service: 'generativelanguage.googleapis.com' },
        },
      ]);
    case 'quota':
      return refusal(429, 'RESOURCE_EXHAUSTED', QUOTA, [quotaFailure(model), retryInfo(37)]);
    case 'context': {
      const { tokens = 1124509, limit = 1048576 } = trouble;
      const message = `The input token count (${tokens}) exceeds the maximum number of tokens allowed (${limit}).`;
      return refusal(400, 'INVALID_ARGUMENT', message);
    }
    case 'status': {
      const { status, retryAfter } = trouble;
      const details = status === 429 && retryAfter !== undefined ? [retryInfo(retryAfter)] : undefined;
      const [name, message] = NAMES[status] ?? INTERNAL;
      return refusal(status, name, message, details);
    }
  }
}

function quotaFailure(model: string): Json {
  return {
    '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
    violations: [
      {
        quotaMetric: 'generativelanguage.googleapis.com/generate_content_free_tier_requests',
        quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier',
        quotaDimensions: { location: 'global', model },
        quotaValue: '50',
      },
    ],
  };
}

/** Google puts the retry delay into the body, not into a header. */
function retryInfo(seconds: number): Json {
  return { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${seconds}s` };
}

function refusal(status: number, name: string, message: string, details?: Json[]): Refusal {
  return {
    status,
    body: { error: { code: status, message, status: name, ...(details ? { details } : {}) } },
  };
}
