import type { ErrorCode } from '../core/error-catalogue.ts';
import { callFailureOf, Fault } from '../core/errors.ts';

/**
 * What the errors of providers mean. Many servers speak several wire protocols and report the same errors in all of
 * them, so the protocols share these tables.
 */

/** What a provider reported about a failure. */
export interface Report {
  /** The HTTP status. Absent for a failure inside an answer that had begun with 200. */
  status?: number;
  /** Its words for the kind of the error, the most precise one first: `code`, `type`. Other values are ignored. */
  words?: readonly unknown[];
  message: string;
}

/** The words of providers, in lower case, by the code that they become here. */
const WORDS: readonly [ErrorCode, string][] = [
  ['context_length_exceeded', 'context_length_exceeded exceed_context_size_error'],
  // GitHub Models.
  ['context_length_exceeded', 'model_max_prompt_tokens_exceeded tokens_limit_reached'],
  // OpenAI.
  ['quota_exceeded', 'insufficient_quota billing_hard_limit_reached billing_not_active usage_limit_reached'],
  // Moonshot, DeepSeek, OpenRouter, Alibaba, Together.
  ['quota_exceeded', 'exceeded_current_quota_error insufficient_balance insufficient_credits'],
  ['quota_exceeded', 'payment_required token_limit_exceeded arrearage credit_limit'],
  // OpenAI. `invalid_prompt`: the prompt is well formed, but the usage policy refuses it.
  ['content_filtered', 'content_policy_violation image_content_policy_violation bio_policy'],
  ['content_filtered', 'moderation_blocked invalid_prompt'],
  // Azure, Alibaba, OpenRouter, Zhipu.
  ['content_filtered', 'content_filter responsibleaipolicyviolation'],
  ['content_filtered', 'data_inspection_failed datainspectionfailed refusal 1301'],
  ['model_not_found', 'model_not_found deploymentnotfound invalid_model modelnotfound unknown_model'],
  // Groq, GitHub Copilot.
  ['model_not_found', 'model_decommissioned model_not_supported'],
  ['provider_auth_failed', 'invalid_api_key invalid_authentication_error authentication_error'],
  ['provider_overloaded', 'overloaded overloaded_error engine_overloaded_error model_overloaded'],
  ['provider_overloaded', 'server_overloaded server_is_overloaded slow_down service_unavailable'],
  // Mistral, OpenAI's flex tier, OpenRouter, llama.cpp.
  ['provider_overloaded', '3505 service_tier_capacity_exceeded resource_unavailable'],
  ['provider_overloaded', 'provider_overloaded unavailable_error'],
  ['rate_limited', 'rate_limit_exceeded rate_limit_error rate_limit_reached_error too_many_requests'],
  ['rate_limited', 'rate_limited ratelimitreached'],
  // OpenAI: the type of a limit of requests or tokens.
  ['rate_limited', 'requests tokens'],
  ['provider_timeout', 'timeout vector_store_timeout'],
  // Groq: the model wrote JSON or a call that Groq could not read. The next try may be right.
  ['provider_protocol_error', 'json_validate_failed tool_use_failed output_parse_failed'],
];

const CODE_OF: ReadonlyMap<string, ErrorCode> = new Map(
  WORDS.flatMap(([code, words]) => words.split(' ').map((word) => [word, code] as const)),
);

/**
 * The request alone is larger than a limit per minute (OpenAI with 429, Groq with 413), so that a later try fails
 * too.
 */
const LARGER_THAN_LIMIT = /^request too large for/i;

const REFUSED = [400, 413, 422];

/**
 * For failures that only the message tells apart. Each row holds with its statuses, because a message may quote the
 * request, and for failures without a status.
 */
const PHRASES: readonly (readonly [statuses: readonly number[], RegExp, ErrorCode])[] = [
  // OpenAI and most servers; vLLM; xAI; llama.cpp.
  [
    REFUSED,
    /context (length|window|size|limit)|maximum (prompt|context|input|model) length/i,
    'context_length_exceeded',
  ],
  // Anthropic, Fireworks; Alibaba; Moonshot; Cohere; Zhipu; Bedrock.
  [
    REFUSED,
    /prompt is too long|range of input length|exceeded model token limit|^too many tokens|prompt exceeds max length|input is too long for/i,
    'context_length_exceeded',
  ],
  // Gemini; Vertex; TGI and Together; Mistral.
  [
    REFUSED,
    /input tokens? (count|length)|maximum number of tokens allowed|`max_new_tokens` must be <=|too large for model with/i,
    'context_length_exceeded',
  ],
  // llama.cpp, where the context fills while the model answers.
  [[500], /^context size has been exceeded/i, 'context_length_exceeded'],
  // DeepSeek; xAI; OpenAI.
  [
    [400, 403],
    /^content exists risk|violates usage guidelines|flagged as potentially violating|result of our safety system/i,
    'content_filtered',
  ],
  // Anthropic; Azure.
  [
    [400, 403],
    /content (filtering|management) policy|blocked under .{1,40}usage policy/i,
    'content_filtered',
  ],
  // xAI and Gemini refuse a wrong key with 400.
  [[400], /(incorrect|invalid) api key|^api key (not valid|expired)/i, 'provider_auth_failed'],
  // Gemini; OpenAI. The account may not be used from this country.
  [[400], /location is not supported|not available in your country/i, 'provider_auth_failed'],
  [
    [400, 403, 429],
    /insufficient (balance|quota|credit|fund)|out of credits|used all available credits|n.t have any credits/i,
    'quota_exceeded',
  ],
  // Anthropic; Gemini; OpenRouter; Cohere.
  [
    [400, 403, 429],
    /credit balance is too low|reached your specified .*usage limits|prepayment credits|spending cap|key limit exceeded|calls \/ month/i,
    'quota_exceeded',
  ],
  // Fireworks.
  [[412], /^account .{1,80} is suspended/i, 'quota_exceeded'],
  // DeepSeek; OpenRouter; Groq, LM Studio.
  [
    [400],
    /^model not exist|is not a valid model id|^(the )?model .{1,100} (does not exist|not found|has been decommissioned)/i,
    'model_not_found',
  ],
  // Mistral; Azure. The limit is not that of the account.
  [[429], /capacity exceeded|high demand|overloaded/i, 'provider_overloaded'],
  // Anthropic; Ollama and other local servers.
  [[500], /^overloaded$|requires more system memory|out of memory/i, 'provider_overloaded'],
];

/** The code of a failure, by the provider's words for it, or else by its message. */
export function codeOfReport(report: Report): ErrorCode | undefined {
  const { status, message } = report;
  const isLimit = status === 413 || status === 429;
  if (isLimit && LARGER_THAN_LIMIT.test(message)) return 'provider_rejected_request';
  const code = codeOfWords(report.words ?? []);
  if (code === 'rate_limited') return codeOfLimit(report);
  return code ?? codeOfMessage(report);
}

/** A limit of 413 is for the size of one request. A message may say that the limit is not that of the account. */
function codeOfLimit(report: Report): ErrorCode {
  if (report.status === 413) return 'provider_rejected_request';
  return report.status === undefined ? 'rate_limited' : (codeOfMessage(report) ?? 'rate_limited');
}

function codeOfWords(words: readonly unknown[]): ErrorCode | undefined {
  for (const word of words) {
    const code = typeof word === 'string' ? CODE_OF.get(word.toLowerCase()) : undefined;
    if (code) return code;
  }
  return undefined;
}

function codeOfMessage({ status, message }: Report): ErrorCode | undefined {
  return PHRASES.find(
    ([statuses, phrase]) => (status === undefined || statuses.includes(status)) && phrase.test(message),
  )?.[2];
}

/**
 * A failure that comes after the start of an answer. The provider had accepted the request by then, so a cause that
 * is about the request or the account is taken for a failure of the provider.
 */
export function afterStart(fault: Fault): Fault {
  if (fault.code === 'content_filtered' || callFailureOf(fault)?.rescuable) return fault;
  return new Fault('provider_error', fault.message, { raw: fault.raw, reported: fault.reported });
}

/** How providers say the tokens of a prompt that is too long. */
const PROMPT_TOKENS: readonly RegExp[] = [
  // OpenAI; vLLM and others with its texts, where the sum with the answer may come first.
  /\(([\d,]+) (?:in|of|from) (?:the|your) (?:messages|prompt|input)/i,
  /(?:messages|prompt|input) (?:resulted in|contains?|has) (?:at least )?([\d,]+) (?:input )?tokens/i,
  // Anthropic.
  /prompt is too long: ([\d,]+) tokens/i,
  /exceed context limit: ([\d,]+) \+/i,
  // Gemini.
  /input token count \(?([\d,]+)\)? exceeds/i,
  // llama.cpp.
  /request \(([\d,]+) tokens\) exceeds/i,
];

/** The tokens of the prompt that a provider refused for its length, where its message says them. */
export function promptTokensIn(message: string): number | undefined {
  for (const pattern of PROMPT_TOKENS) {
    const tokens = Number(pattern.exec(message)?.[1]?.replaceAll(',', ''));
    if (tokens > 0) return tokens;
  }
  return undefined;
}
