/**
 * The one catalogue of errors. Every failure that leaves the gateway is a `Fault` (`errors.ts`) with a code from here;
 * each dialect writes it in its own envelope. `docs/errors.md` lists the same codes and remedies (tested).
 */

/** What holds for all errors with one code. */
export interface ErrorKind {
  /** HTTP status. */
  status: number;
  /** The `type` field of OpenAI's envelope. */
  type:
    | 'invalid_request_error'
    | 'authentication_error'
    | 'not_found_error'
    | 'rate_limit_error'
    | 'timeout_error'
    | 'api_error';
  /** Whether the same request may succeed later, unchanged. */
  retryable: boolean;
  /** What the caller should do about it. */
  remedy: string;
  /** Present for errors that a call to a claw can fail with. */
  call?: CallFailure;
}

/** What the failure of a call means for the turn: which candidates may be called next, and when. */
export interface CallFailure {
  /**
   * `moment`: the same candidate may answer when it is called again at once. `while`: the same candidate is
   * likely to fail again for some time. `final`: the same candidate never answers this request.
   */
  lasts: 'moment' | 'while' | 'final';
  /** What the failure is about. Where it is about the request, no other candidate is called. */
  concerns: 'request' | 'model' | 'credential' | 'provider';
  /** An answer that broke off with this failure may go on with another call. */
  rescuable: boolean;
  /** The candidate cannot serve now: a turn may be deferred until it can. */
  unavailable: boolean;
}

/** By code. */
export const ERRORS = {
  invalid_json: bad(400, 'Send one JSON object with content-type: application/json.'),
  invalid_request: bad(400, 'Correct the named field and send the request again.'),
  unsupported_parameter: bad(400, 'Leave the named parameter out, or choose a model that supports it.'),
  invalid_session_id: bad(
    400,
    'Use 1 to 255 visible ASCII characters without spaces, for example x-session-id: trip.',
  ),
  conflicting_state: bad(400, 'Send either `conversation` or `previous_response_id`, not both.'),
  previous_response_not_found: bad(
    400,
    'Use the id of a stored response, or send the whole conversation as input.',
  ),
  tool_output_without_call: bad(
    400,
    'Send outputs only for the function calls of the turn before; copy the id of the call exactly.',
  ),
  context_length_exceeded: failedCall(
    { lasts: 'final', concerns: 'model' },
    bad(400, 'Send less, choose a model with a larger context, or set `truncation` to `auto`.'),
  ),
  content_filtered: failedCall(
    { lasts: 'final', concerns: 'request' },
    bad(400, 'The provider refused this content; change the input.'),
  ),
  provider_not_configured: bad(
    400,
    'Set what the message names (a variable takes effect at a restart), or choose another model.',
  ),
  provider_rejected_request: failedCall(
    { lasts: 'final', concerns: 'model' },
    bad(400, 'The provider did not accept the request; its reason is in the message.'),
  ),
  missing_key: auth(
    'Send the header `Authorization: Bearer <key>`; the root key is in the file `root-key` of the data folder, unless the operator set one.',
  ),
  invalid_key: auth('Check the key for missing characters; ask the operator for a new one if it is lost.'),
  keeping_forbidden: bad(
    403,
    'Use a key whose setting `keep` is not false, or send the content with each request.',
  ),
  model_not_allowed: bad(403, 'Choose a model that the key may use, or ask the operator for another key.'),
  no_candidate: bad(
    400,
    'Change or remove the field that `param` names, or name further models in `models`.',
  ),
  root_key_required: bad(403, 'Use the root key.'),
  cross_site_request: bad(
    403,
    'Use the page of the dashboard. A program sends the root key in the header `Authorization`, and no cookie.',
  ),
  not_found: missing('Check the path and the method against the documentation.'),
  model_not_found: failedCall(
    { lasts: 'final', concerns: 'model' },
    missing('GET /v1/models lists what can be called.'),
  ),
  session_not_found: missing('Check the id; a key sees only the sessions of its own tenant.'),
  response_not_found: missing('Check the id; responses made with `store: false` are not kept.'),
  item_not_found: missing('Check the id; list the items of the conversation to see what it holds.'),
  value_not_found: missing('Check the key; list the values of the conversation to see what it holds.'),
  pin_not_found: missing('List the pins of the conversation; a pin that was said again has a new id.'),
  value_exists: bad(412, 'The value was made before; fetch it and use it.'),
  value_changed: bad(
    412,
    'Fetch the value, and send the change again with its `ETag` in `If-Match`, or without `If-Match`.',
  ),
  session_name_taken: bad(409, 'Choose another name, or rename the other session first.'),
  session_changed: bad(412, 'Fetch the session, and send the change again with its `ETag`.'),
  turn_not_found: missing('Check the id and the tenant.'),
  claw_not_found: missing('GET /admin/v1/claws lists the claws.'),
  value_over_limit: bad(
    413,
    'Store less: a value has at most 64 KiB of JSON, and a conversation at most 256 values and 1 MiB together.',
  ),
  method_not_allowed: bad(405, 'Use a method that the `Allow` header names.'),
  invalid_idempotency_key: bad(400, 'Use 1 to 255 visible ASCII characters, new for every new request.'),
  idempotency_key_reused: bad(422, 'Use a new key for a new request, or send the first body again.'),
  idempotency_key_in_use: busy(
    'Another process is running the request; wait as `Retry-After` says, then send again.',
  ),
  response_running: bad(409, 'Cancel it first, or wait until it has ended.'),
  not_cancellable: bad(409, 'Fetch the response instead.'),
  session_busy: busy('Other turns are writing to this session; wait as `Retry-After` says, then send again.'),
  session_moved: busy(
    'The answer is stored under its own id, outside the conversation. Send again to get an answer that continues the conversation as it is now.',
  ),
  queue_full: limited(
    'Send again after `Retry-After`, or raise `limits.background_queue` in the configuration.',
    true,
  ),
  rate_limit_exceeded: limited(
    'Send again after `Retry-After`, or ask the operator for a higher limit.',
    true,
  ),
  request_over_limit: limited(
    'Send less, set a lower limit of output tokens, or ask the operator for a higher limit.',
    false,
  ),
  websocket_upgrade_missing: bad(
    426,
    'Let the proxy pass `Upgrade` and `Connection`; in nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
  ),
  websocket_queue_full: limited('Wait for an answer before sending more, or open another socket.', true),
  websocket_connection_limit_reached: {
    status: 400,
    type: 'invalid_request_error',
    retryable: true,
    remedy:
      'Open another socket. Stored responses can be continued there; otherwise send the whole conversation.',
  },
  invalid_stream_id: bad(400, 'Use 1 to 256 letters, digits and `_ - .`, or leave `stream_id` out.'),
  websocket_stream_limit_reached: bad(
    400,
    'Use the `stream_id` of an earlier message, or open another socket.',
  ),
  body_too_large: bad(413, 'Send a smaller body, or raise `limits.body_bytes` in the configuration.'),
  unsupported_content_encoding: bad(
    415,
    'Send the body as it is, or compressed once with zstd, gzip, deflate or br.',
  ),
  body_too_slow: {
    status: 408,
    type: 'invalid_request_error',
    retryable: true,
    remedy: 'Send the body faster, or raise `limits.body_ms` in the configuration.',
  },
  provider_auth_failed: failedCall(
    { lasts: 'final', concerns: 'credential' },
    server(502, "The provider refused the gateway's own key; the operator should replace it."),
  ),
  rate_limited: failedCall(
    { lasts: 'while', concerns: 'credential', rescuable: true, unavailable: true },
    limited('Slow down; send again after `Retry-After`.', true),
  ),
  budget_exceeded: limited('Choose a model that costs nothing, or ask the operator for more budget.', false),
  quota_exceeded: failedCall(
    { lasts: 'final', concerns: 'credential' },
    limited('The account at the provider has no credit left; the operator should add credit.', false),
  ),
  internal_error: server(500, 'This is a fault of the gateway; report it with the x-request-id header.'),
  store_unavailable: server(503, 'The session store did not answer; send again shortly.', true),
  shutting_down: server(
    503,
    'The gateway is shutting down; send again, to another gateway or shortly.',
    true,
  ),
  gateway_overloaded: server(503, 'Send again after `Retry-After`, or to another gateway.', true),
  provider_unreachable: failedCall(
    { lasts: 'moment', concerns: 'provider', rescuable: true, unavailable: true },
    server(502, 'The provider could not be reached; send again, or choose another model.', true),
  ),
  provider_error: failedCall(
    { lasts: 'moment', concerns: 'provider', rescuable: true, unavailable: true },
    server(502, 'The provider failed; send again, or choose another model.', true),
  ),
  provider_overloaded: failedCall(
    { lasts: 'while', concerns: 'provider', rescuable: true, unavailable: true },
    server(503, 'The provider is overloaded; send again shortly, or choose another model.', true),
  ),
  claw_unavailable: failedCall(
    { lasts: 'while', concerns: 'provider', unavailable: true },
    server(503, 'Send again after `Retry-After`, or choose another model.', true),
  ),
  claw_busy: failedCall(
    { lasts: 'while', concerns: 'provider', unavailable: true },
    limited('Send again after `Retry-After`, or raise the limits of `bulkhead` in the configuration.', true),
  ),
  provider_protocol_error: failedCall(
    { lasts: 'moment', concerns: 'provider', rescuable: true },
    server(502, "The provider's answer broke its own protocol; send again, or choose another model.", true),
  ),
  answer_too_large: failedCall(
    { lasts: 'final', concerns: 'model' },
    server(
      502,
      'The provider sent more than the gateway reads; choose another model, or raise the limit that the message names.',
    ),
  ),
  stream_interrupted: failedCall(
    { lasts: 'moment', concerns: 'provider', rescuable: true },
    server(502, 'The answer was cut; what arrived is kept. Send again to continue.', true),
  ),
  hedge_lost: failedCall(
    { lasts: 'moment', concerns: 'provider' },
    server(502, 'Another call of the same turn answered sooner, so this one was cancelled.'),
  ),
  gateway_stopped: failedCall(
    { lasts: 'moment', concerns: 'provider', rescuable: true },
    server(
      502,
      'The gateway was stopped while it answered; what had arrived is kept. Send again to continue.',
      true,
    ),
  ),
  provider_timeout: failedCall(
    { lasts: 'while', concerns: 'provider', rescuable: true, unavailable: true },
    {
      status: 504,
      type: 'timeout_error',
      retryable: true,
      remedy:
        'The provider was too slow; send again, or raise the time limit in the configuration or in the header of the request.',
    },
  ),
  context_lost: server(
    500,
    'A part of the session could not be read, and no answer is generated without it; check the store.',
  ),
} satisfies Record<string, ErrorKind>;

/** A code of the catalogue. */
export type ErrorCode = keyof typeof ERRORS;

/** The caller must change the request. */
function bad(status: number, remedy: string): ErrorKind {
  return { status, type: 'invalid_request_error', retryable: false, remedy };
}
/** Another request is in the way for a moment. */
function busy(remedy: string): ErrorKind {
  return { status: 409, type: 'invalid_request_error', retryable: true, remedy };
}
function auth(remedy: string): ErrorKind {
  return { status: 401, type: 'authentication_error', retryable: false, remedy };
}
function missing(remedy: string): ErrorKind {
  return { status: 404, type: 'not_found_error', retryable: false, remedy };
}
function limited(remedy: string, retryable: boolean): ErrorKind {
  return { status: 429, type: 'rate_limit_error', retryable, remedy };
}
function server(status: number, remedy: string, retryable = false): ErrorKind {
  return { status, type: 'api_error', retryable, remedy };
}
/** An error that a call of a claw can fail with. Most answers that fail with it cannot be rescued. */
function failedCall(
  call: Pick<CallFailure, 'lasts' | 'concerns'> & Partial<CallFailure>,
  kind: ErrorKind,
): ErrorKind {
  return { ...kind, call: { rescuable: false, unavailable: false, ...call } };
}

/** What happened and what to do about it. Providers' messages often lack their last full stop. */
export function withRemedy(code: ErrorCode, message: string): string {
  return `${message}${/[.!?]$/.test(message) ? '' : '.'} ${ERRORS[code].remedy}`;
}
