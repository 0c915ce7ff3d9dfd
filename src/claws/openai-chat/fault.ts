import { type ErrorCode, Fault, type ProviderError } from '../../core/errors.ts';
import { codeOfStatus, faultOf, reportedOf } from '../status.ts';
import { isObject, type Json, textOf } from './wire.ts';

/** What a provider reported about a failure, read from the different shapes that servers use. */
interface Report {
  message: string;
  /** The machine-readable codes, in lower case: `code`, `type`, `status`, Azure's inner code. */
  codes: string[];
  /** An HTTP status written into the body. */
  status?: number;
  /** Whether the body has the shape of an API error. A server at a wrong base URL sends something else. */
  structured: boolean;
  /** The error as the provider reported it. */
  reported?: ProviderError;
}

/** The error codes of providers, by the code that they become here. */
const CODES: [ErrorCode, string[]][] = [
  [
    'context_length_exceeded',
    [
      'context_length_exceeded',
      'exceed_context_size_error',
      'model_max_prompt_tokens_exceeded',
      'tokens_limit_reached',
    ],
  ],
  [
    'quota_exceeded',
    [
      'insufficient_quota',
      'exceeded_current_quota_error',
      'billing_hard_limit_reached',
      'billing_not_active',
      'insufficient_balance',
      'insufficient_credits',
      'arrearage',
    ],
  ],
  [
    'content_filtered',
    [
      'content_filter',
      'content_policy_violation',
      'responsibleaipolicyviolation',
      'data_inspection_failed',
      'datainspectionfailed',
    ],
  ],
  [
    'model_not_found',
    ['model_not_found', 'deploymentnotfound', 'invalid_model', 'modelnotfound', 'unknown_model'],
  ],
  ['provider_auth_failed', ['invalid_api_key', 'invalid_authentication_error', 'authentication_error']],
  [
    'provider_overloaded',
    ['overloaded_error', 'engine_overloaded_error', 'model_overloaded', 'server_overloaded', 'slow_down'],
  ],
  ['rate_limited', ['rate_limit_exceeded', 'rate_limit_error', 'rate_limit_reached_error']],
];

const CODE_OF = new Map(CODES.flatMap(([code, theirs]) => theirs.map((their) => [their, code] as const)));

/** Read last, for servers that give no code: vLLM, xAI, Mistral, Alibaba, Moonshot, Gemini, Together. */
const TOO_LONG =
  /context (length|window|size)|maximum (prompt|context|input) length|prompt is too long|range of input length|exceeded model token limit|input token(s)? (count|length)|maximum number of tokens allowed|`max_new_tokens` must be <=|prompt exceeds max length|too large for model with/i;
/** xAI and Gemini refuse a wrong key with 400. */
const WRONG_KEY = /(incorrect|invalid) api key|api key not valid/i;
const NO_CREDIT = /insufficient (balance|quota|credit|fund)|out of credits|used all available credits/i;

/** Classifies a refused call. */
export function chatFault(status: number, body: unknown, headers: Headers): Fault {
  const report = reportOf(body);
  const message = `The provider answered ${status}: ${report.message || 'no reason given'}`;
  return faultOf(classify(status, report), message, { headers, raw: body, reported: report.reported });
}

function classify(status: number, report: Report): ErrorCode {
  for (const their of report.codes) {
    const code = CODE_OF.get(their);
    // Groq's 413: one request is larger than the limit per minute, so a retry would fail too.
    if (code && !(code === 'rate_limited' && status === 413)) return code;
  }
  if (status === 404 && !report.structured) return 'provider_rejected_request';
  return fromText(status, report.message) ?? codeOfStatus(status);
}

function fromText(status: number, message: string): ErrorCode | undefined {
  if ((status === 400 || status === 413 || status === 422) && TOO_LONG.test(message)) {
    return 'context_length_exceeded';
  }
  if (status === 400 && WRONG_KEY.test(message)) return 'provider_auth_failed';
  if ((status === 429 || status === 403) && NO_CREDIT.test(message)) return 'quota_exceeded';
  return undefined;
}

/**
 * Classifies a failure that a provider reports in a stream or in the body of a 200. After the start of the
 * answer, every cause is a `provider_error`.
 */
export function reportedFault(body: unknown, started: boolean): Fault {
  if (Array.isArray(body)) return reportedFault(body[0], started);
  const report = reportOf(body);
  const message = `The provider reported a failure: ${report.message || JSON.stringify(body).slice(0, 300)}`;
  const code = started ? 'provider_error' : classify(report.status ?? 500, report);
  return new Fault(code, message, { raw: body, reported: report.reported });
}

function reportOf(body: unknown): Report {
  if (typeof body === 'string') return unstructured(body);
  if (Array.isArray(body)) return reportOf(body[0]);
  if (!isObject(body)) return unstructured('');
  const error = isObject(body.error) ? body.error : body;
  const inner = isObject(error.innererror) ? error.innererror : {};
  const codes = [inner.code, error.code, error.type, error.status, body.code, body.type]
    .flatMap((code) => textOf(code) ?? [])
    .map((code) => code.toLowerCase());
  if (isObject(error.metadata) && error.metadata.flagged_input !== undefined) codes.push('content_filter');
  return {
    message: messageOf(error) ?? textOf(body.error) ?? messageOf(body) ?? '',
    codes,
    status: statusIn(error),
    structured: Boolean(body.error) || codes.length > 0,
    reported: reportedOf({
      code: error.code ?? body.code,
      type: error.type ?? error.status,
      param: error.param ?? fieldOf(error) ?? fieldOf(error.message),
    }),
  };
}

function unstructured(text: string): Report {
  const isPage = text.trimStart().startsWith('<');
  return { message: isPage ? 'an HTML page' : text.trim().slice(0, 500), codes: [], structured: false };
}

function statusIn(error: Json): number | undefined {
  const status = Number(error.code ?? error.status);
  return status >= 400 && status < 600 ? status : undefined;
}

function messageOf(error: Json): string | undefined {
  const message = textOf(error.message) ?? detailOf(error.message) ?? detailOf(error) ?? listOf(error.errors);
  // OpenRouter adds the message of the provider behind it.
  const wrapped = isObject(error.metadata) ? textOf(error.metadata.raw) : undefined;
  return message !== undefined && wrapped !== undefined ? `${message}: ${wrapped.slice(0, 500)}` : message;
}

/** FastAPI's `detail`: a sentence, or a list of errors, each with its field. */
function detailOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  return textOf(value.detail) ?? listOf(value.detail);
}

/** The field that FastAPI's first error names: `loc` is `["body", "messages", 0, "content"]`. */
function fieldOf(value: unknown): string | undefined {
  const first: unknown = isObject(value) && Array.isArray(value.detail) ? value.detail[0] : undefined;
  if (!isObject(first) || !Array.isArray(first.loc) || first.loc[0] !== 'body') return undefined;
  const path = first.loc.slice(1).map((key: unknown) => (typeof key === 'number' ? `[${key}]` : `.${key}`));
  return path.join('').replace(/^\./, '');
}

function listOf(value: unknown): string | undefined {
  if (!Array.isArray(value)) return undefined;
  const lines = value.flatMap((entry) => (isObject(entry) ? lineOf(entry) : (textOf(entry) ?? [])));
  return lines.length > 0 ? lines.join('; ').slice(0, 500) : undefined;
}

function lineOf(entry: Json): string[] {
  const said = textOf(entry.msg) ?? textOf(entry.message);
  if (said === undefined) return [];
  return [Array.isArray(entry.loc) ? `${entry.loc.join('.')}: ${said}` : said];
}
