import { CONTEXT_POLICIES } from '../../core/context-policy.ts';
import { Fault } from '../../core/errors.ts';
import { nearest } from '../../core/nearest.ts';
import { POLICY_WORDS, type PolicyField } from '../../core/policy.ts';
import { BRANCHES } from '../../core/turn.ts';
import { REPLY_HEADERS } from './reply-headers.ts';

/**
 * Every request header that the gateway reads. The code that reads a header takes its name from here; the
 * reference and the OpenAPI document are made from the same descriptions.
 */
export interface RequestHeader {
  /** Lower case. */
  name: string;
  /** What the header does, in whole sentences. */
  what: string;
  /** The allowed values. Absent: any text. */
  values?: readonly string[];
  /** The requests on which it has an effect. */
  of: HeaderScope;
}

/**
 * `turn`: requests for a turn; `body`: requests with a body; `stream`: requests for a stream; `value`: changes of a
 * value.
 */
export type HeaderScope = 'all' | 'turn' | 'body' | 'stream' | 'value';

const header = (of: HeaderScope, name: string, what: string, values?: readonly string[]): RequestHeader => ({
  of,
  name,
  what,
  values,
});

/** Read in `security/keys.ts`. */
const KEY_HEADERS = [
  header('all', 'authorization', 'The key: `Bearer <key>`.'),
  header('all', 'x-api-key', 'The key, if `Authorization` has none.'),
  header('all', 'x-goog-api-key', 'The key, if neither of these has one.'),
];

const sentBy = (agent: string): string =>
  `Names a session. ${agent} sends it, with its whole context in each request.`;

/** The headers that name a session. If a request has several, the first in this order is used. */
export const SESSION_HEADERS: readonly (RequestHeader & { isAgent?: true })[] = [
  header(
    'turn',
    'x-clawhold-session-id',
    'The session that the turn belongs to: a `conv_…` id, or any name of 1 to 255 visible ASCII characters. A new name makes a session.',
  ),
  { ...header('turn', 'session-id', sentBy('Codex')), isAgent: true },
  { ...header('turn', 'session_id', sentBy('Codex')), isAgent: true },
  { ...header('turn', 'x-claude-code-session-id', sentBy('Claude Code')), isAgent: true },
  header('turn', 'x-session-id', 'Names a session, as `x-clawhold-session-id` does.'),
  header('turn', 'x-litellm-session-id', 'Names a session, as `x-clawhold-session-id` does.'),
  header('turn', 'x-bf-session-id', 'Names a session, as `x-clawhold-session-id` does.'),
  { ...header('turn', 'x-session-affinity', sentBy('opencode')), isAgent: true },
];

export const BRANCH = header(
  'turn',
  'x-clawhold-branch',
  'The line of the session that the turn is on: the main line, or a side line.',
  BRANCHES,
);

export const CLAUDE_AGENT = header(
  'turn',
  'x-claude-code-agent-id',
  'The sub-agent that sends the request: it has a line of its own.',
);
export const CODEX_AGENT = header(
  'turn',
  'x-openai-subagent',
  'The kind of a sub-agent of Codex: it has a line of its own.',
);
export const CODEX_PARENT = header(
  'turn',
  'x-codex-parent-thread-id',
  'Tells that a sub-agent of Codex sends the request.',
);
export const CODEX_THREAD = header('turn', 'thread-id', 'The thread of a sub-agent of Codex.');

const WHAT_POLICIES_DO: Record<PolicyField, string> = {
  onDisconnect: 'When the client disconnects: the turn runs on, or stops.',
  whenBusy: 'While another turn writes to the session: wait for it, or fork from the head of the session.',
  whenDown: 'While no provider can be reached: fail, or keep the turn until one can.',
  whenBroken:
    'When an answer broke off and cannot be continued: begin it again and announce which parts are void, or fail.',
  dropTools: 'With `true`, tools that a model lacks are left out. Otherwise a model that has them answers.',
};

/** The header of each field of the policy: `onDisconnect` is `x-clawhold-on-disconnect`. */
export const POLICY_HEADERS = (Object.keys(POLICY_WORDS) as PolicyField[]).map((field) => ({
  field,
  of: 'turn' as const,
  name: `x-clawhold-${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  what: WHAT_POLICIES_DO[field],
  values: POLICY_WORDS[field].map(String),
}));

export const KEEP = header(
  'turn',
  'x-clawhold-keep',
  'With `false`, nothing of the request is kept: its turn may read a session, and writes nothing.',
  ['true', 'false'],
);

export const SET = header(
  'turn',
  'x-clawhold-set',
  'Sets values of the conversation together with the answer, if the turn completes: `step=3` or `plan={"done":[1]}`. Several headers, or several values separated by commas. ASCII.',
);

export const CONTEXT_POLICY = header(
  'turn',
  'x-clawhold-context-policy',
  'What the model gets of a history that does not fit it: `full` is an error then, `truncate` the latest turns, `retrieve` standing instructions and what is about the question, `auto` all of these.',
  CONTEXT_POLICIES,
);

export const TIMEOUT_MS = header(
  'turn',
  'x-clawhold-timeout-ms',
  'The time for the whole turn, with all its calls, in milliseconds. The strictest limit holds.',
);
export const FIRST_TOKEN_MS = header(
  'turn',
  'x-clawhold-first-token-ms',
  'The time from a call until its answer begins, in milliseconds.',
);
export const IDLE_MS = header(
  'turn',
  'x-clawhold-idle-ms',
  'The time between two signs of life of an answer that has begun, in milliseconds.',
);
export const ATTEMPTS = header(
  'turn',
  'x-clawhold-attempts',
  'The most calls for the answer, retries and fallbacks included: 1 to 20.',
);
export const SIMULATE = header(
  'turn',
  'x-clawhold-simulate',
  'Only with the root key: calls fail as if their provider had failed, to test fallbacks. `openai/*=provider_error` fails each call of OpenAI, `*=stream_interrupted@2` each answer after two bursts. Several are separated by commas.',
);

export const IDEMPOTENCY_KEY = header(
  'body',
  'idempotency-key',
  'A request with the same key and body is executed only once. 1 to 255 visible ASCII characters.',
);
export const X_IDEMPOTENCY_KEY = header('body', 'x-idempotency-key', 'The same as `idempotency-key`.');
/** A client with this header has its own retries. */
export const RETRY_COUNT = header(
  'body',
  'x-stainless-retry-count',
  'How often an SDK has sent the request before. A retry gets the answer of the first request.',
);
export const LAST_EVENT_ID = header(
  'stream',
  'last-event-id',
  'The number of the last event that the reader of a stream has: later events follow.',
);
export const ANTHROPIC_VERSION = header(
  'all',
  'anthropic-version',
  "The version of Anthropic's API that the client speaks. With it, lists of models have the form of that API.",
);
export const ANTHROPIC_BETA = header(
  'turn',
  'anthropic-beta',
  'Beta features for a request for a message, separated by commas: a provider of the same API gets them.',
);
export const IF_MATCH = header(
  'value',
  'if-match',
  'The `ETag` of the version that the change is for, or `*`: the value must exist. Otherwise 412.',
);
export const IF_NONE_MATCH = header(
  'value',
  'if-none-match',
  'With `*`, a PUT only creates a value. If there is one, the answer is 412.',
);
export const REQUEST_ID = header(
  'all',
  'x-request-id',
  "The request's id in the reply and in the log. At most 128 characters; longer ones are cut.",
);
export const CONTENT_ENCODING = header(
  'body',
  'content-encoding',
  'How the body is compressed: `zstd`, `gzip`, `deflate` or `br`.',
);

export const TRACE_PARENT = header(
  'all',
  'traceparent',
  'W3C Trace Context: the span of the client under which the spans of the request are. The log has its trace id.',
);
export const TRACE_STATE = header('all', 'tracestate', 'W3C Trace Context: passed on with `traceparent`.');

/** All request headers. */
export const REQUEST_HEADERS: readonly RequestHeader[] = [
  ...KEY_HEADERS,
  ...SESSION_HEADERS,
  BRANCH,
  CLAUDE_AGENT,
  CODEX_AGENT,
  CODEX_PARENT,
  CODEX_THREAD,
  KEEP,
  SET,
  ...POLICY_HEADERS,
  CONTEXT_POLICY,
  TIMEOUT_MS,
  FIRST_TOKEN_MS,
  IDLE_MS,
  ATTEMPTS,
  SIMULATE,
  IDEMPOTENCY_KEY,
  X_IDEMPOTENCY_KEY,
  RETRY_COUNT,
  LAST_EVENT_ID,
  ANTHROPIC_VERSION,
  ANTHROPIC_BETA,
  IF_MATCH,
  IF_NONE_MATCH,
  REQUEST_ID,
  TRACE_PARENT,
  TRACE_STATE,
  CONTENT_ENCODING,
];

/** The beginning of the names of our own headers. */
export const OWN = 'x-clawhold-';
export const OWN_HEADERS: ReadonlySet<string> = new Set(
  REQUEST_HEADERS.map(({ name }) => name).filter((name) => name.startsWith(OWN)),
);

/** A header with our prefix that does not exist is a mistake: the client would not get what it asks for. */
export function unknownHeader(name: string): Fault {
  const isOfReplies = REPLY_HEADERS.some((reply) => reply.name === name);
  // The prefix is the same for all, so only the rest is compared.
  const rest = name.slice(OWN.length);
  const [near] = nearest(
    rest,
    [...OWN_HEADERS].map((own) => own.slice(OWN.length)),
  );
  const hint = near ? ` Did you mean \`${OWN}${near}\`?` : ` Known are ${[...OWN_HEADERS].join(', ')}.`;
  const what = isOfReplies ? 'is a header of replies.' : `is not a header of this gateway.${hint}`;
  return new Fault('invalid_request', `\`${name}\` ${what}`, { param: name });
}
