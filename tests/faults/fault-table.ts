/**
 * What happens when a provider fails: the table of `docs/faults.md`. A cell says what the caller sees and how
 * often the provider was asked: `whole · 2`; with a second model, that one's calls are counted behind a plus.
 * A status and a code are an error instead of an answer; a code alone ends a stream after text was seen.
 */
export interface FaultRow {
  what: string;
  /** The simulated model that does it. */
  model: string;
  /** By how it was asked: as a stream, as JSON. */
  alone: readonly [stream: string, json: string];
  spare: readonly [stream: string, json: string];
  /** Of an error without a second model. */
  headers?: Record<string, string>;
  /** Ends only by a time limit, so that this has to be a short one. */
  isSlow?: boolean;
}

const WHOLE = ['whole · 1', 'whole · 1'] as const;
const AGAIN = ['whole · 2', 'whole · 2'] as const;
const SPARED = ['whole · 1 + 1', 'whole · 1 + 1'] as const;
const SPARED_LATE = ['whole · 2 + 1', 'whole · 2 + 1'] as const;

const both = (cell: string) => [cell, cell] as const;

export const FAULTS: readonly FaultRow[] = [
  {
    what: 'The connection breaks before the answer, once',
    model: 'openai/once-reset',
    alone: AGAIN,
    spare: AGAIN,
  },
  {
    what: '… every time',
    model: 'openai/reset',
    alone: both('502 provider_unreachable · 2'),
    spare: SPARED_LATE,
    headers: { 'x-should-retry': 'true' },
  },
  { what: 'It breaks after a word, once', model: 'openai/once-cut-1', alone: AGAIN, spare: AGAIN },
  {
    what: '… every time',
    model: 'openai/cut-1',
    alone: ['stream_interrupted · 5', '502 stream_interrupted · 2'],
    spare: SPARED_LATE,
  },
  {
    what: 'It breaks when all was said but that it is the end, once',
    model: 'openai/once-cut-8',
    alone: AGAIN,
    spare: AGAIN,
  },
  { what: 'It breaks before the first word, once', model: 'openai/once-cut-0', alone: AGAIN, spare: AGAIN },
  {
    what: 'The stream ends without its last event, once',
    model: 'anthropic/once-no-done',
    alone: ['whole · 2', 'whole · 1'],
    spare: ['whole · 2', 'whole · 1'],
  },
  {
    what: '… every time',
    model: 'anthropic/no-done',
    alone: ['provider_protocol_error · 5', 'whole · 1'],
    spare: ['whole · 2 + 1', 'whole · 1'],
  },
  {
    what: 'A chat stream ends without `[DONE]`, and had a reason for its end',
    model: 'groq/no-done',
    alone: WHOLE,
    spare: WHOLE,
  },
  {
    what: '… and had none, once',
    model: 'groq/once-no-finish',
    alone: ['whole · 2', 'whole · 1'],
    spare: ['whole · 2', 'whole · 1'],
  },
  { what: 'It sends something malformed, once', model: 'openai/once-garbage-3', alone: AGAIN, spare: AGAIN },
  {
    what: '… every time',
    model: 'openai/garbage-3',
    alone: ['provider_protocol_error · 5', '502 provider_protocol_error · 2'],
    spare: SPARED_LATE,
  },
  {
    what: 'It answers with a web page',
    model: 'openai/badjson',
    alone: both('502 provider_protocol_error · 2'),
    spare: SPARED_LATE,
  },
  { what: 'It reports an error midway, once', model: 'openai/once-error-3', alone: AGAIN, spare: AGAIN },
  {
    what: '… every time',
    model: 'openai/error-3',
    alone: ['provider_error · 5', '502 provider_error · 2'],
    spare: SPARED_LATE,
  },
  {
    what: 'It says midway that it is overloaded, once',
    model: 'anthropic/once-error-3',
    alone: ['whole · 2', 'whole · 2'],
    spare: ['whole · 1 + 1', 'whole · 2'],
  },
  { what: 'It answers 500, once', model: 'openai/once-status-500', alone: AGAIN, spare: AGAIN },
  {
    what: '… every time',
    model: 'openai/status-500',
    alone: both('502 provider_error · 2'),
    spare: SPARED_LATE,
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: 'It answers 503 or 529: overloaded',
    model: 'openai/status-503',
    alone: both('503 provider_overloaded · 1'),
    spare: SPARED,
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: 'It answers 429',
    model: 'openai/status-429',
    alone: both('429 rate_limited · 1'),
    spare: SPARED,
    headers: { 'x-should-retry': 'true' },
  },
  {
    what: '… with `Retry-After`, which is handed on',
    model: 'openai/status-429+retry-7',
    alone: both('429 rate_limited · 1'),
    spare: SPARED,
    headers: { 'retry-after': '7', 'x-should-retry': 'true' },
  },
  {
    what: 'The account has no credit left',
    model: 'openai/quota',
    alone: both('429 quota_exceeded · 1'),
    spare: SPARED,
    headers: { 'x-should-retry': 'false' },
  },
  {
    what: "It refuses the gateway's key",
    model: 'openai/auth',
    alone: both('502 provider_auth_failed · 1'),
    spare: SPARED,
    headers: { 'x-should-retry': 'false' },
  },
  {
    what: 'It does not have the model',
    model: 'openai/status-404',
    alone: both('404 model_not_found · 1'),
    spare: SPARED,
  },
  {
    what: 'It refuses the request',
    model: 'openai/status-400',
    alone: both('400 provider_rejected_request · 1'),
    spare: SPARED,
  },
  {
    what: 'The conversation is too long for the model',
    model: 'openai/context',
    alone: both('400 context_length_exceeded · 1'),
    spare: SPARED,
  },
  {
    what: 'Its content filter refuses the request',
    model: 'gemini/filter',
    alone: both('400 content_filtered · 1'),
    spare: both('400 content_filtered · 1'),
  },
  { what: 'It is slow to begin, within the limit', model: 'openai/delay-30', alone: WHOLE, spare: WHOLE },
  {
    what: 'It is silent',
    model: 'openai/silent',
    alone: both('504 provider_timeout · 1'),
    spare: SPARED,
    headers: { 'x-should-retry': 'true' },
    isSlow: true,
  },
  {
    what: 'It falls silent after a word, once',
    model: 'openai/once-stall-1',
    alone: ['whole · 2', '504 provider_timeout · 1'],
    spare: SPARED,
    isSlow: true,
  },
  {
    what: '… every time',
    model: 'openai/stall-1',
    alone: ['provider_timeout · 5', '504 provider_timeout · 1'],
    spare: SPARED,
    isSlow: true,
  },
];

/** The table as it is in the documentation. */
export function markdown(): string {
  const head = '| what the provider does | no other model: stream | JSON | another model: stream | JSON |';
  const rows = FAULTS.map(
    ({ what, alone, spare }) => `| ${[what, ...alone, ...spare].map(cell).join(' | ')} |`,
  );
  return [head, '|---|---|---|---|---|', ...rows].join('\n');
}

/** Codes in the letters of code. */
const cell = (text: string): string => text.replace(/^(\d{3} )?([a-z]+_[a-z_]+)/, '$1`$2`');
