import { hash } from 'node:crypto';
import { z } from 'zod';
import { CONTEXT_POLICIES, type ContextPolicy } from '../../core/context-policy.ts';
import { Fault } from '../../core/errors.ts';
import { parseConversationId } from '../../core/ids.ts';
import { POLICY_WORDS, type PolicyField, type TurnPolicy } from '../../core/policy.ts';
import type { Caller, RequestIdentity } from '../../core/request.ts';
import {
  type AskedState,
  BRANCHES,
  type LineWish,
  type Retention,
  type SessionRef,
} from '../../core/turn.ts';
import type { HttpSettings } from '../route.ts';
import { checkShape } from './body-shape.ts';
import { decoderOf, tooLarge } from './content-encoding.ts';
import { invalid } from './fields.ts';
import {
  BRANCH,
  CLAUDE_AGENT,
  CODEX_AGENT,
  CODEX_PARENT,
  CODEX_THREAD,
  CONTEXT_POLICY,
  IDEMPOTENCY_KEY,
  KEEP,
  POLICY_HEADERS,
  RETRY_COUNT,
  type RequestHeader,
  SESSION_HEADERS,
  SET,
  X_IDEMPOTENCY_KEY,
} from './request-headers.ts';

/** What all dialects read of a request: its body, its identity, its session and its policy. */

export interface Body {
  body: Record<string, unknown>;
  /** The body as it came, decompressed: two requests with different texts are different requests. */
  text: string;
}

/**
 * Reads a JSON object within the limits, compressed or not. Throws `body_too_large`, `body_too_slow`,
 * `invalid_json`, `invalid_request` or `unsupported_content_encoding` otherwise.
 */
export async function readBody(
  request: Request,
  limits: Pick<HttpSettings, 'bodyBytes' | 'bodyMs'>,
): Promise<Body> {
  const text = await readText(request, limits);
  const body = parseBody(text);
  return { body: body instanceof Promise ? await body : body, text };
}

/** The same for any JSON. */
export async function readJson(
  request: Request,
  limits: Pick<HttpSettings, 'bodyBytes' | 'bodyMs'>,
): Promise<{ value: unknown; text: string }> {
  const text = await readText(request, limits);
  return { value: await parseJson(text), text };
}

async function readText(
  request: Request,
  { bodyBytes, bodyMs }: Pick<HttpSettings, 'bodyBytes' | 'bodyMs'>,
): Promise<string> {
  const length = request.headers.get('content-length');
  if (length !== null && Number(length) > bodyBytes) throw tooLarge(bodyBytes);
  const text = await within(bodyMs, decodedText(request, bodyBytes, length === null));
  if (text === '') throw new Fault('invalid_json', 'The request has no body.');
  return text;
}

/** Whether a body may have cache marks (`core/cache-marks.ts`): only then are its items looked through. */
export const mayHaveMarks = (text: string): boolean => text.includes('cache_control');

/** Characters. A shorter body can be neither nested too deeply nor have too many keys. */
const HARMLESS = 256;

/** A JSON object; `invalid_json` or `invalid_request` otherwise. Gives a promise only for a long text. */
export function parseBody(text: string): Record<string, unknown> | Promise<Record<string, unknown>> {
  const value = parseJson(text);
  return value instanceof Promise ? value.then(expectObject) : expectObject(value);
}

function expectObject(body: unknown): Record<string, unknown> {
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new Fault('invalid_request', 'The body must be a JSON object.');
  }
  return body as Record<string, unknown>;
}

function parseJson(text: string): unknown | Promise<unknown> {
  const checked = text.length > HARMLESS ? checkShape(text) : undefined;
  return checked ? checked.then(() => parsed(text)) : parsed(text);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message.replace(/^JSON Parse error: /, '');
    throw new Fault('invalid_json', `The body is not JSON: ${reason}.`);
  }
}

/** What is read, if it comes in time. The rest of a slow body is not waited for. */
function within(ms: number, reading: Promise<string>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = setTimeout(() => reject(tooSlow(ms)), ms);
  reading.then(
    (text) => {
      clearTimeout(timer);
      resolve(text);
    },
    (error) => {
      clearTimeout(timer);
      reject(error);
    },
  );
  return promise;
}

async function decodedText(request: Request, limit: number, isChunked: boolean): Promise<string> {
  const decode = request.headers.has('content-encoding') ? decoderOf(request.headers) : undefined;
  try {
    if (!decode && !isChunked) return await request.text();
    const bytes = isChunked ? await readChunked(request, limit) : await request.bytes();
    const content = decode && bytes.length > 0 ? await decode(bytes, limit) : bytes;
    return Buffer.from(content.buffer, content.byteOffset, content.length).toString('utf8');
  } catch (cause) {
    if (cause instanceof Fault || !request.signal.aborted) throw cause;
    throw new Fault('invalid_json', 'The client disconnected before the body was complete.', { cause });
  }
}

/** Stops reading where the body passes the limit: its length is not known before. */
async function readChunked(request: Request, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The connection is closed, because what still comes on it belongs to this body. */
function tooSlow(ms: number): Fault {
  return new Fault('body_too_slow', `The body was not complete within ${ms} ms.`, {
    headers: { connection: 'close' },
  });
}

const KEY_FORM = /^[\x21-\x7e]{1,255}$/;
const QUOTED = /^"(?:[^"\\]|\\["\\])*"$/;

/**
 * How a retry of this request is recognised: by the caller's own key, or by the body where the client's SDK
 * retries by itself. Absent where neither header is there; then nothing is hashed.
 *
 * `route` is the method and the path as the route was registered; `text` is the body as it came.
 */
export function identityOf(
  headers: Headers,
  route: string,
  caller: Caller,
  text: string,
): RequestIdentity | undefined {
  const key = idempotencyKey(headers);
  const retries = headers.get(RETRY_COUNT.name);
  if (key === undefined && retries === null) return undefined;
  const session = sessionHeader(headers)?.value;
  const line = [subAgentOf(headers), headers.get(BRANCH.name) ?? undefined];
  const set = headers.get(SET.name);
  return {
    route,
    key,
    fingerprint: fingerprint(
      [
        ...[key ? '' : caller.key, caller.tenant, route, session],
        ...(line.some(Boolean) ? line : []),
        ...(set === null ? [] : [set]),
      ],
      text,
    ),
    isRetry: Number(retries) > 0,
  };
}

function idempotencyKey(headers: Headers): string | undefined {
  const standard = readKey(headers, IDEMPOTENCY_KEY);
  const common = readKey(headers, X_IDEMPOTENCY_KEY);
  if (standard !== undefined && common !== undefined && standard !== common) {
    throw new Fault(
      'invalid_idempotency_key',
      '`idempotency-key` and `x-idempotency-key` hold different keys.',
      { param: IDEMPOTENCY_KEY.name },
    );
  }
  return standard ?? common;
}

function readKey(headers: Headers, { name }: RequestHeader): string | undefined {
  const value = headers.get(name);
  if (value === null) return undefined;
  const key = value.startsWith('"') ? unquoted(value) : value;
  if (key !== undefined && KEY_FORM.test(key)) return key;
  throw new Fault('invalid_idempotency_key', `The key in \`${name}\` is malformed.`, { param: name });
}

/** A string as structured fields write it (RFC 9651, section 3.3.3); clients send keys with quotes and without. */
function unquoted(value: string): string | undefined {
  return QUOTED.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : undefined;
}

/** The parts are written as JSON, so that different parts never give the same text. */
function fingerprint(parts: readonly (string | undefined)[], text: string): string {
  return hash('sha256', `${JSON.stringify(parts)}\n${text}`, 'hex').slice(0, 16);
}

const SUB_AGENT = /^[\x21-\x7e]{1,255}$/;

/** The value of a header that has a list of allowed values; absent if the header is absent. */
function headerValue(headers: Headers, { name, values = [] }: RequestHeader): string | undefined {
  const value = headers.get(name) ?? undefined;
  if (value !== undefined && !values.includes(value)) throw invalid(name, values.join(' or '));
  return value;
}

/** The state of a request that names none. */
export const unnamedState = (headers: Headers, { recognises }: Caller): AskedState =>
  recognises ? { kind: 'recognised', line: { ...lineWish(headers), isAgent: true } } : { kind: 'none' };

/** How a turn is kept, by the request's field `store`; `asked`: how it is where this is `true`. */
export function retentionOf(
  store: boolean | null | undefined,
  { kind }: AskedState,
  asked: 'stored' | 'listed' = 'stored',
): Retention {
  if (store) return asked;
  if (kind === 'none') return 'none';
  return store === false ? 'session' : 'stored';
}

/** How the line of a request is found in the session that its headers or its body name. */
export function lineWish(headers: Headers): LineWish {
  const branch = headerValue(headers, BRANCH);
  return {
    isAgent: SESSION_HEADERS.some(({ name, isAgent }) => isAgent && headers.has(name)),
    agent: subAgentOf(headers),
    branch: BRANCHES.find((word) => word === branch),
  };
}

/**
 * The sub-agent that sends a request. Claude Code gives each sub-agent an id. Codex names the kind of a sub-agent
 * and gives its thread an id, which the main thread shares with the session. An id that is malformed counts as none.
 */
function subAgentOf(headers: Headers): string | undefined {
  const claude = headers.get(CLAUDE_AGENT.name);
  const kind = headers.get(CODEX_AGENT.name);
  const thread = headers.get(CODEX_THREAD.name);
  const isChild = kind !== null || headers.has(CODEX_PARENT.name);
  const ofCodex = thread !== null && thread !== sessionHeader(headers)?.value ? thread : kind;
  const id = claude ?? (isChild ? ofCodex : null);
  return id !== null && SUB_AGENT.test(id) ? id : undefined;
}

const SESSION_NAME = /^[\x21-\x7e]{1,255}$/;

/** The session that a header names; `invalid_session_id` where it is malformed. */
export function sessionFromHeaders(headers: Headers): SessionRef | undefined {
  const header = sessionHeader(headers);
  return header && sessionRef(header.value, header.name);
}

function sessionHeader(headers: Headers): { name: string; value: string } | undefined {
  for (const { name } of SESSION_HEADERS) {
    const value = headers.get(name);
    // A client that fills the header from a template sends it empty while it has no conversation.
    if (value) return { name, value };
  }
  return undefined;
}

/** A `conv_…` id addresses that session; any other text is a name in the caller's tenant. */
export function sessionRef(value: unknown, param: string): SessionRef {
  if (typeof value !== 'string' || !SESSION_NAME.test(value)) {
    throw new Fault('invalid_session_id', `The session id in \`${param}\` is malformed.`, { param });
  }
  const id = parseConversationId(value);
  if (id) return { id };
  if (value.startsWith('conv_')) {
    throw new Fault('session_not_found', `Conversation with id '${value}' not found.`, { param });
  }
  return { name: value };
}

/** The parser checks the value (`conversationRef`). */
export const conversationField = z
  .unknown()
  .optional()
  .meta({
    description: 'The session: its id or name, or an object with it as `id`.',
    anyOf: [
      { type: 'string' },
      { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
      { type: 'null' },
    ],
  });

/** `conversation` of a body: an id, or an object with one. */
export function conversationRef(value: unknown): SessionRef | undefined {
  if (value === undefined || value === null) return undefined;
  const id = typeof value === 'object' ? (value as { id?: unknown }).id : value;
  return sessionRef(id, 'conversation');
}

/**
 * How the turn of a request meets trouble: as its headers say, then as its key and the configuration say, and
 * for a broken answer at last as the dialect says (`whenBroken`).
 */
export function policyOf(
  headers: Headers,
  { policy }: Caller,
  whenBroken: TurnPolicy['whenBroken'],
): TurnPolicy {
  const fromHeaders: Partial<Record<PolicyField, string | boolean>> = {};
  for (const header of POLICY_HEADERS) {
    const value = headerValue(headers, header);
    if (value !== undefined)
      fromHeaders[header.field] = POLICY_WORDS[header.field][header.values.indexOf(value)];
  }
  // Every value was checked against the allowed values of its field.
  return { ...policy, whenBroken: policy.whenBroken ?? whenBroken, ...fromHeaders } as TurnPolicy;
}

/** What happens to a history that does not fit, where a header says it. */
export function askedContextPolicy(headers: Headers): ContextPolicy | undefined {
  const value = headerValue(headers, CONTEXT_POLICY);
  return CONTEXT_POLICIES.find((policy) => policy === value);
}

/** Whether the request may be kept: the key and the header `x-clawhold-keep` must both allow it. */
export function mayKeep(headers: Headers, caller: Caller): boolean {
  return caller.mayKeep && headerValue(headers, KEEP) !== 'false';
}
