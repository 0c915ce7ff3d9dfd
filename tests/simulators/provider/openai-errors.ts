import type { Refusal, Trouble } from './protocol.ts';

/** Headers that OpenAI sends with every answer. */
export const openAiHeaders = [
  'openai-version: 2020-10-01',
  'openai-processing-ms: 12',
  'x-ratelimit-limit-requests: 10000',
  'x-ratelimit-remaining-requests: 9999',
  'x-ratelimit-limit-tokens: 200000',
  'x-ratelimit-remaining-tokens: 199900',
  'x-ratelimit-reset-requests: 6ms',
  'x-ratelimit-reset-tokens: 30ms',
  '',
].join('\r\n');

const MISSING_KEY =
  "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.";
const WRONG_KEY =
  'Incorrect API key provided: sk-simul**********ator. You can find your API key at https://platform.openai.com/account/api-keys.';
const QUOTA =
  'You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.';
const chatContext = ({ tokens = 140213, limit = 128000 }) =>
  `This model's maximum context length is ${limit} tokens. However, your messages resulted in ${tokens} tokens. Please reduce the length of the messages.`;
const RESPONSES_CONTEXT =
  'Your input exceeds the context window of this model. Please adjust your input and try again.';
const SERVER_ERROR =
  'The server had an error while processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if the error persists.';

/** An error with OpenAI's texts. `input` is the name of the field with the conversation. */
export function openAiRefusal(trouble: Trouble, model: string, input: 'messages' | 'input'): Refusal {
  switch (trouble.kind) {
    case 'invalid':
      return refusal(
        trouble.status ?? 400,
        'invalid_request_error',
        trouble.message,
        trouble.code,
        trouble.param,
      );
    case 'temperature': {
      // https://community.openai.com/t/temperature-in-gpt-5-models/1337133
      const message = `Unsupported value: 'temperature' does not support ${trouble.value} with this model. Only the default (1) value is supported.`;
      return refusal(400, 'invalid_request_error', message, 'unsupported_value', 'temperature');
    }
    case 'key-missing':
      return refusal(401, 'invalid_request_error', MISSING_KEY);
    case 'auth':
      return refusal(401, 'invalid_request_error', WRONG_KEY, 'invalid_api_key');
    case 'quota':
      return refusal(429, 'insufficient_quota', QUOTA, 'insufficient_quota');
    case 'context': {
      const message = input === 'messages' ? chatContext(trouble) : RESPONSES_CONTEXT;
      return refusal(400, 'invalid_request_error', message, 'context_length_exceeded', input);
    }
    case 'status':
      return forStatus(trouble.status, model, trouble.retryAfter ?? 1);
  }
}

function forStatus(status: number, model: string, seconds: number): Refusal {
  switch (status) {
    case 401:
      return refusal(401, 'invalid_request_error', WRONG_KEY, 'invalid_api_key');
    case 404: {
      const message = `The model \`${model}\` does not exist or you do not have access to it.`;
      return refusal(404, 'invalid_request_error', message, 'model_not_found');
    }
    case 429: {
      const message = `Rate limit reached for ${model} in organization org-simulator on requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in ${seconds}s. Visit https://platform.openai.com/account/rate-limits to learn more.`;
      return refusal(429, 'requests', message, 'rate_limit_exceeded');
    }
    case 503:
      return refusal(503, 'server_error', 'The engine is currently overloaded, please try again later.');
    default:
      return status >= 500
        ? refusal(status, 'server_error', SERVER_ERROR)
        : refusal(status, 'invalid_request_error', `The request was refused with status ${status}.`);
  }
}

function refusal(status: number, type: string, message: string, code?: string, param?: string): Refusal {
  return { status, body: { error: { message, type, param: param ?? null, code: code ?? null } } };
}
