/**
 * What happens when a provider fails: the table of `docs/faults.md`. A cell has the result for the caller and the
 * number of provider calls: `whole · 2`. Calls to a second model are counted after a plus. A status and a code mean
 * an error without an answer. A code without a status ends a stream after text.
 */
export interface FaultRow {
  what: string;
  /** The simulated model with this fault. */
  model: string;
  /** The cells without a second model, for a stream and for JSON. */
  oneModel: readonly [stream: string, json: string];
  /** The cells with a second model, for a stream and for JSON. */
  twoModels: readonly [stream: string, json: string];
  /** Headers of the error without a second model. */
  headers?: Record<string, string>;
  /** How many words its answer has; 8 by default. */
  words?: number;
  /** Only a time limit ends this fault, so the test uses a short limit. */
  isSlow?: boolean;
}

const WHOLE = ['whole · 1', 'whole · 1'] as const;
const SECOND_CALL = ['whole · 2', 'whole · 2'] as const;
const SECOND_MODEL = ['whole · 1 + 1', 'whole · 1 + 1'] as const;
const SECOND_MODEL_LATER = ['whole · 2 + 1', 'whole · 2 + 1'] as const;

const both = (cell: string) => [cell, cell] as const;

export const FAULTS: readonly FaultRow[] = [
  {
    what: 'The connection breaks before the answer, once',
    model: 'openai/once-reset',
    oneModel: SECOND_CALL,
    twoModels: SECOND_CALL,
  },
  {
    what: '… every time',
    model: 'openai/reset',
    oneModel: both('502 provider_unreachable · 2'),
    twoModels: SECOND_MODEL_LATER,
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: 'It breaks after a word, once',
    model: 'openai/once-cut-1',
    oneModel: SECOND_CALL,
    twoModels: SECOND_CALL,
  },
  {
    what: '… every time',
    model: 'openai/cut-1',
    oneModel: ['stream_interrupted · 5', '502 stream_interrupted · 2'],
    twoModels: SECOND_MODEL_LATER,
  },
  {
    what: 'It breaks after all text, before the end of the stream, once',
    model: 'openai/once-cut-8',
    oneModel: SECOND_CALL,
    twoModels: SECOND_CALL,
  },
  {
    what: 'It breaks before the first word, once',
    model: 'openai/once-cut-0',
    oneModel: SECOND_CALL,
    twoModels: SECOND_CALL,
  },
  {
    what: 'The stream ends without its last events, once',
    model: 'anthropic/once-no-finish',
    oneModel: ['whole · 2', 'whole · 1'],
    twoModels: ['whole · 2', 'whole · 1'],
  },
  {
    what: '… every time',
    model: 'anthropic/no-finish',
    oneModel: ['provider_protocol_error · 5', 'whole · 1'],
    twoModels: ['whole · 2 + 1', 'whole · 1'],
  },
  {
    what: 'A chat stream ends without `[DONE]`, but with a finish reason',
    model: 'groq/no-done',
    oneModel: WHOLE,
    twoModels: WHOLE,
  },
  {
    what: '… and an Anthropic stream without `message_stop`, but with a stop reason',
    model: 'anthropic/no-done',
    oneModel: WHOLE,
    twoModels: WHOLE,
  },
  {
    what: 'A chat stream ends without `[DONE]` and without a finish reason, once',
    model: 'groq/once-no-finish',
    oneModel: ['whole · 2', 'whole · 1'],
    twoModels: ['whole · 2', 'whole · 1'],
  },
  {
    what: 'It sends malformed data, once',
    model: 'openai/once-garbage-3',
    oneModel: SECOND_CALL,
    twoModels: SECOND_CALL,
  },
  {
    what: '… every time',
    model: 'openai/garbage-1',
    oneModel: ['provider_protocol_error · 5', '502 provider_protocol_error · 2'],
    twoModels: SECOND_MODEL_LATER,
  },
  {
    what: 'It answers with a web page',
    model: 'openai/badjson',
    oneModel: both('502 provider_protocol_error · 2'),
    twoModels: SECOND_MODEL_LATER,
  },
  {
    what: 'It reports an error in mid-stream, once',
    model: 'openai/once-error-3',
    oneModel: SECOND_CALL,
    twoModels: SECOND_CALL,
  },
  {
    what: '… every time',
    model: 'openai/error-1',
    oneModel: ['provider_error · 5', '502 provider_error · 2'],
    twoModels: SECOND_MODEL_LATER,
  },
  {
    what: 'It reports in mid-stream that it is overloaded, once',
    model: 'anthropic/once-error-3',
    oneModel: ['whole · 2', 'whole · 2'],
    twoModels: ['whole · 1 + 1', 'whole · 2'],
  },
  {
    what: 'It answers 500, once',
    model: 'openai/once-status-500',
    oneModel: SECOND_CALL,
    twoModels: SECOND_CALL,
  },
  {
    what: '… every time',
    model: 'openai/status-500',
    oneModel: both('502 provider_error · 2'),
    twoModels: SECOND_MODEL_LATER,
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: 'It answers 503 or 529: overloaded',
    model: 'openai/status-503',
    oneModel: both('503 provider_overloaded · 1'),
    twoModels: SECOND_MODEL,
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: 'It answers 429, and asks for a wait of a second',
    model: 'openai/status-429',
    oneModel: both('429 rate_limited · 2'),
    twoModels: both('whole · 2 + 1'),
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: '… for longer, with `Retry-After`, which the caller receives too',
    model: 'openai/status-429+retry-7',
    oneModel: both('429 rate_limited · 1'),
    twoModels: SECOND_MODEL,
    headers: { 'retry-after': '7', 'x-should-retry': 'true' },
  },
  {
    what: 'The account has no credit left',
    model: 'openai/quota',
    oneModel: both('429 quota_exceeded · 1'),
    twoModels: SECOND_MODEL,
    headers: { 'x-should-retry': 'false' },
  },
  {
    what: "It refuses the gateway's key",
    model: 'openai/auth',
    oneModel: both('502 provider_auth_failed · 1'),
    twoModels: SECOND_MODEL,
    headers: { 'x-should-retry': 'false' },
  },
  {
    what: 'It does not have the model',
    model: 'openai/status-404',
    oneModel: both('404 model_not_found · 1'),
    twoModels: SECOND_MODEL,
  },
  {
    what: 'It refuses the request',
    model: 'openai/status-400',
    oneModel: both('400 provider_rejected_request · 1'),
    twoModels: SECOND_MODEL,
  },
  {
    what: 'The conversation is too long for the model',
    model: 'openai/context',
    oneModel: both('400 context_length_exceeded · 1'),
    twoModels: SECOND_MODEL,
  },
  {
    what: 'Its content filter refuses the request',
    model: 'gemini/filter',
    oneModel: both('400 content_filtered · 1'),
    twoModels: both('400 content_filtered · 1'),
  },
  {
    what: 'It does not accept connections',
    model: 'deepseek/down',
    oneModel: both('502 provider_unreachable · 0'),
    twoModels: both('whole · 0 + 1'),
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: 'It answers 200 with nothing',
    model: 'openai/empty',
    oneModel: both('502 provider_protocol_error · 2'),
    twoModels: SECOND_MODEL_LATER,
  },
  {
    what: 'It answers 402',
    model: 'openai/status-402',
    oneModel: both('429 quota_exceeded · 1'),
    twoModels: SECOND_MODEL,
    headers: { 'x-should-retry': 'false' },
  },
  {
    what: 'A proxy before it answers 502 with a web page',
    model: 'openai/page-502',
    oneModel: both('502 provider_error · 2'),
    twoModels: SECOND_MODEL_LATER,
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: 'It sends the answer slowly, but within the time limits',
    model: 'openai/pace-20',
    oneModel: WHOLE,
    twoModels: WHOLE,
  },
  {
    what: 'It sends headers, and then nothing',
    model: 'openai/hang',
    oneModel: both('504 provider_timeout · 1'),
    twoModels: SECOND_MODEL,
    headers: { 'x-should-retry': 'true' },
    isSlow: true,
  },
  {
    what: 'It begins slowly, but within the time limit',
    model: 'openai/delay-30',
    oneModel: WHOLE,
    twoModels: WHOLE,
  },
  {
    what: 'It sends nothing',
    model: 'openai/silent',
    oneModel: both('504 provider_timeout · 1'),
    twoModels: SECOND_MODEL,
    headers: { 'x-should-retry': 'true' },
    isSlow: true,
  },
  {
    what: 'It stops sending after a word, but keeps the connection open, once',
    model: 'openai/once-stall-1',
    oneModel: ['whole · 2', '504 provider_timeout · 1'],
    twoModels: SECOND_MODEL,
    isSlow: true,
  },
  {
    what: '… every time',
    model: 'openai/stall-1',
    oneModel: ['provider_timeout · 5', '504 provider_timeout · 1'],
    twoModels: SECOND_MODEL,
    isSlow: true,
  },
];

/** The table, as it is in the documentation. */
export function markdown(): string {
  const head = '| what the provider does | no other model: stream | JSON | another model: stream | JSON |';
  const rows = FAULTS.map(
    ({ what, oneModel, twoModels }) => `| ${[what, ...oneModel, ...twoModels].map(cell).join(' | ')} |`,
  );
  return [head, '|---|---|---|---|---|', ...rows].join('\n');
}

/** Marks error codes as code. */
const cell = (text: string): string => text.replace(/^(\d{3} )?([a-z]+_[a-z_]+)/, '$1`$2`');
