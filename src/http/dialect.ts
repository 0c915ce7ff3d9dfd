import type { Api } from '../api/api.ts';
import type { Delta } from '../core/delta.ts';
import type { Fault } from '../core/errors.ts';
import type { TurnId } from '../core/ids.ts';
import type { TurnPolicy } from '../core/policy.ts';
import type { ProtocolName } from '../core/prompt.ts';
import type { Quota } from '../core/quota.ts';
import type { Caller } from '../core/request.ts';
import type { Seal } from '../core/seal.ts';
import type { Settings } from '../core/settings.ts';
import type { AnsweredTurn, Ask, DialectName } from '../core/turn.ts';
import type { TurnView } from '../core/turn-view.ts';
import type { RouteDoc } from './published.ts';
import type { Route, SettingsSource } from './route.ts';
import type { ReplyHeaders } from './v1/reply-headers.ts';

/**
 * An API in whose words callers ask for turns: everything that tells it from another one. A dialect translates
 * and decides nothing: it parses a request to an `Ask`, and writes a turn in its own words. `v1/turn-routes.ts`
 * does the rest for every dialect. A new dialect is one object of this type and one line in `dialects.ts`.
 *
 * A dialect keeps nothing between requests; all of its methods may be called at any time, for any turn. A turn
 * that was asked for in another dialect can be written, too.
 */
export interface Dialect {
  /** Stored with the turns that are asked for in this dialect; it must not change once there are some. */
  name: DialectName;
  /** The wire protocol with the same field names; becomes `Ask.vocabulary`. */
  protocol: ProtocolName;
  /** A POST to one of these asks for a turn. */
  endpoints: readonly TurnEndpoint[];
  /** What happens when an answer breaks off, unless a header, the key or the configuration says it. */
  whenBroken: TurnPolicy['whenBroken'];
  /** The turn's id as callers of this dialect see it. */
  publicId(turn: TurnId): string;
  /** The path at which a stored turn is fetched, with a route of `routes`. */
  pathOf(turn: TurnId): string;
  /**
   * A request's body as an ask. Throws `invalid_request` with the field's name for anything that is malformed;
   * fields that are not known go to `extra`. The ask says in `retention` whether the turn is kept, and in
   * `delivery` how its answer is sent.
   *
   * What `whole` or `stream` need of the request, beside what every ask has, goes to `echo`: it is stored with
   * the turn, so that a replay is the same.
   */
  parse(body: Record<string, unknown>, context: ParseContext): ParsedAsk;
  /**
   * Where the caller wrote the thing that a failure is about, for example `messages[1].tool_call_id`. Called
   * only for a body that was parsed. If absent, such failures name no field.
   */
  fieldOf?(location: Location, body: Record<string, unknown>): string;
  /**
   * The body of the reply for a turn that has ended, however it ended. Throws a `Fault` where the dialect cannot
   * express the outcome; the fault is then sent as `error` writes it. Reasoning that its provider needs again is
   * shown sealed.
   */
  whole(view: TurnView, turn: AnsweredTurn, seal: Seal): Record<string, unknown>;
  /**
   * Writes the turn's stream. Events are numbered from 0 on, and those up to number `after` are left out: the
   * reader has them; with -1, it has none.
   */
  stream(view: TurnView, after: number, seal: Seal): StreamWriter;
  /** The body of the reply for a turn that is accepted and has not ended. */
  accepted(view: TurnView): Record<string, unknown>;
  /** A failure in the dialect's envelope; see `faultResponse` for status and headers. */
  error(fault: Fault, requestId: string): Response;
  /** What is left of the caller's rate limits, in the dialect's headers; OpenAI's where absent. */
  quotaHeaders?(quota: Quota): ReplyHeaders;
  /** A further header of replies with the id of the request. */
  requestIdHeader?: keyof ReplyHeaders;
  /** How the dialect shows the models that can be called, for requests that are its own. */
  models?: ModelViews;
  /** The caller's key may be in the query, as `key`. It is read there only if no header has one. */
  hasKeyInQuery?: true;
  /** What the dialect has beside asking for a turn: fetching, listing, cancelling. */
  routes(api: Api, settings: SettingsSource): Route[];
}

/** Models in a dialect's own form, at the path that dialects share. */
export interface ModelViews {
  /** Whether a request for models is one of the dialect. */
  isAsked(headers: Headers): boolean;
  one(name: string, startedAt: number): Record<string, unknown>;
  /** One page of the names. */
  list(names: readonly string[], startedAt: number, query: URLSearchParams): Record<string, unknown>;
}

/**
 * What a failure is about, in canonical terms: an item of the ask by its index, a part of its content or output,
 * and a field of the item or the part; or a setting.
 */
export type Location = ItemLocation | { setting: keyof Settings };

/** An item of the ask by its index, a part of its content or output by its index, and the name of a field there. */
export interface ItemLocation {
  item: number;
  part?: number;
  field?: string;
}

/** Where turns are asked for. */
export interface TurnEndpoint {
  /** A path as routes have it (`Route.path`). */
  path: string;
  /** What the reference says of a request for a turn. */
  doc?: RouteDoc;
}

/** What a request was sent to. */
export interface RequestTarget {
  /** The `path` of an endpoint of the dialect. */
  endpoint: string;
  /** Path parameters, decoded. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
}

/** What a parser may need beside the body. */
export interface ParseContext {
  headers: Headers;
  target: RequestTarget;
  caller: Caller;
  /** The request headers that rules of aliases read. */
  ruleHeaders: readonly string[];
  /** Whether the request may have cache marks, which are taken off it. */
  mayHaveMarks: boolean;
}

/** An ask as a dialect parses it. The rest is the same for all asks of a dialect, or comes from headers. */
export type ParsedAsk = Omit<Ask, 'dialect' | 'vocabulary' | 'marks' | 'policy'>;

/**
 * Writes a turn in a dialect's stream. Each call returns the text of the events that it causes, which
 * may be none. The same deltas always give the same text, so that a replay is the same to the byte.
 */
export interface StreamWriter {
  /** The number of the next event. */
  readonly sequence: number;
  /** The stream's media type; that of server-sent events where absent. */
  readonly mediaType?: string;
  /** What is sent when a stream was silent for long, and what a reader may ignore; a comment where absent. */
  readonly keepAlive?: string;
  /** Before any delta. */
  open(): string;
  delta(delta: Delta): string;
  /** The turn is recorded: the terminal events. */
  end(turn: AnsweredTurn): string;
  /**
   * The turn could not be recorded: an error, and nothing that looks like an end. The error takes no event
   * number: a reader that resumes must get the turn's own event under that number.
   */
  fail(fault: Fault): string;
}
