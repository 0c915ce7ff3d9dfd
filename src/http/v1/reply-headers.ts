/** A header of replies. `stream`: streams have it. `error`: errors have it. `value`: replies about a value have it. */
export interface ReplyHeader {
  name: string;
  what: string;
  of: 'all' | 'turn' | 'body' | 'stream' | 'value' | 'error';
}

/** The limits of a request for a message, as Anthropic's API names them. */
const ANTHROPIC_LIMITS = [
  {
    name: 'anthropic-ratelimit-requests-limit',
    of: 'turn',
    what: 'For messages, in place of `x-ratelimit-…`: the strictest limit of requests per minute.',
  },
  { name: 'anthropic-ratelimit-requests-remaining', of: 'turn', what: 'How many requests are left of it.' },
  {
    name: 'anthropic-ratelimit-requests-reset',
    of: 'turn',
    what: 'When the whole limit is left again, if no request comes: a time as in RFC 3339.',
  },
  { name: 'anthropic-ratelimit-tokens-limit', of: 'turn', what: 'The strictest limit of tokens per minute.' },
  { name: 'anthropic-ratelimit-tokens-remaining', of: 'turn', what: 'How many tokens are left of it.' },
  { name: 'anthropic-ratelimit-tokens-reset', of: 'turn', what: 'When the whole limit is left again.' },
] as const satisfies readonly ReplyHeader[];

/** Every header that the gateway adds to its replies. The reference is made from this list. */
export const REPLY_HEADERS = [
  { name: 'x-request-id', of: 'all', what: "The request's id, also in the log." },
  { name: 'x-clawhold-model-id', of: 'turn', what: 'The model that answers, as `provider/model`.' },
  { name: 'x-clawhold-response-id', of: 'turn', what: 'The id under which the response can be fetched.' },
  { name: 'x-clawhold-session-id', of: 'turn', what: 'The id of the session of the turn.' },
  {
    name: 'x-clawhold-kept',
    of: 'turn',
    what: 'For a turn that cannot be fetched by its id: `session` where its session keeps it, otherwise `none`.',
  },
  {
    name: 'x-clawhold-history',
    of: 'turn',
    what: 'How the input was added to the session: `started`, `appended`, `matched`, `forked` or `side`.',
  },
  {
    name: 'x-clawhold-context',
    of: 'turn',
    what: 'The part of the session that the model gets: tokens of the prompt, turns, and tokens of history that are left out.',
  },
  { name: 'x-clawhold-dropped-tools', of: 'turn', what: 'The types of the tools that were left out.' },
  {
    name: 'x-clawhold-dropped-reasoning',
    of: 'turn',
    what: 'The ids of the reasoning items of the input that the model does not get.',
  },
  {
    name: 'x-clawhold-dropped-settings',
    of: 'turn',
    what: "The settings that were left out, because the answering provider's API has none like them.",
  },
  {
    name: 'x-clawhold-route',
    of: 'turn',
    what: 'Why this model answers: the alias, its strategy, and the reason: `strategy`, `affinity`, `wish`, or `fallback` if those before it failed or were slow.',
  },
  {
    name: 'x-clawhold-degraded',
    of: 'turn',
    what: '`true` if the last resort of an alias answers, because everything else failed.',
  },
  {
    name: 'x-clawhold-attempted-retries',
    of: 'turn',
    what: 'How many calls failed before the answer began.',
  },
  { name: 'x-clawhold-response-cost', of: 'turn', what: 'The cost of a whole answer in US dollars.' },
  {
    name: 'x-clawhold-cost-estimated',
    of: 'turn',
    what: '`true` if the cost is an estimate.',
  },
  { name: 'x-ratelimit-limit-requests', of: 'turn', what: 'The strictest limit of requests per minute.' },
  {
    name: 'x-ratelimit-remaining-requests',
    of: 'turn',
    what: 'How many requests are left of it. Replies have these headers where a limit is configured.',
  },
  {
    name: 'x-ratelimit-reset-requests',
    of: 'turn',
    what: 'After which time the whole limit is left again, if no request comes: `12ms`, `7.5s`, `1m0s`.',
  },
  { name: 'x-ratelimit-limit-tokens', of: 'turn', what: 'The strictest limit of tokens per minute.' },
  { name: 'x-ratelimit-remaining-tokens', of: 'turn', what: 'How many tokens are left of it.' },
  { name: 'x-ratelimit-reset-tokens', of: 'turn', what: 'After which time the whole limit is left again.' },
  ...ANTHROPIC_LIMITS,
  { name: 'request-id', of: 'turn', what: 'The same as `x-request-id`, for requests for messages.' },
  { name: 'x-clawhold-replayed', of: 'body', what: '`true` if the reply is that of an earlier request.' },
  { name: 'etag', of: 'value', what: 'The version of a value, in quotes; also with 412.' },
  { name: 'x-accel-buffering', of: 'stream', what: '`no`: asks a proxy (nginx) to send each event at once.' },
  { name: 'x-should-retry', of: 'error', what: 'Tells SDKs whether to send the request again.' },
  {
    name: 'retry-after',
    of: 'error',
    what: 'After how many seconds to send again, or to fetch a turn that is accepted.',
  },
  { name: 'location', of: 'turn', what: 'Where a turn that is accepted can be fetched.' },
  { name: 'allow', of: 'error', what: 'The methods that the path takes, with 405.' },
  { name: 'www-authenticate', of: 'error', what: '`Bearer`, with 401.' },
  { name: 'accept-encoding', of: 'error', what: 'The content encodings of bodies that are read, with 415.' },
  { name: 'upgrade', of: 'error', what: '`websocket`, with 426.' },
] as const satisfies readonly ReplyHeader[];

/** Headers of a reply by their names. */
export type ReplyHeaders = Partial<Record<(typeof REPLY_HEADERS)[number]['name'], string>>;
