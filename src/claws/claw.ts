import type { Delta } from '../core/delta.ts';
import type { Fault } from '../core/errors.ts';
import type { Prompt, ProtocolName } from '../core/prompt.ts';

export type { Prompt, PromptItem, ProtocolName } from '../core/prompt.ts';

/** What a protocol can do that others cannot. Checked before a call, so that a lack is a clear 400. */
export interface Capabilities {
  /** Several alternative answers in one call (`n`). */
  choices: boolean;
  logprobs: boolean;
  /** Files by URL; without it, only their content can be sent. */
  fileUrls: boolean;
}

/**
 * A claw: a connection to one AI service, speaking one wire protocol with its own credentials.
 *
 * `call` yields deltas as `Delta` describes, in bursts: those that came together are yielded together, so
 * that whoever journals or sends them does so once. No burst is empty. It throws a `Fault`, classified once
 * from the provider's status and structured body:
 * - before the first delta for anything the provider refused (the caller may try elsewhere);
 * - after it with `stream_interrupted` when the connection broke, `provider_protocol_error` when the
 *   answer was malformed or ended without its protocol's end mark, `provider_error` when the provider
 *   reported a failure in its stream. A cut answer never ends normally.
 * Aborting `signal` stops the provider's work and ends the iteration with the signal's reason.
 */
export interface Claw {
  /** The provider's id, the first half of `provider/model`. */
  readonly provider: string;
  readonly protocol: ProtocolName;
  readonly capabilities: Capabilities;
  /**
   * How the answer to a prompt that `continues` will join its beginning. Pure, and known before the call,
   * because the two are joined differently:
   * - `true`: the model takes the beginning for its own unfinished words, and what it generates follows from
   *   the very next character. White space that ends the beginning is not sent, so it comes again.
   * - `false`: the model reads the beginning and is told to go on. Mostly it does; it may as well repeat the
   *   last words first, or begin the whole answer anew.
   * `false` for a prompt that continues nothing.
   */
  prefills(prompt: Prompt): boolean;
  call(prompt: Prompt, signal: AbortSignal): AsyncIterable<readonly Delta[]>;
}

/** How an OpenAI-compatible provider differs from OpenAI. Each is a fact about the provider's API. */
export interface Quirks {
  /** The request field that limits output. Default `max_tokens`; OpenAI itself takes `max_completion_tokens`. */
  maxTokensField?: 'max_tokens' | 'max_completion_tokens';
  /** The provider refuses `stream_options`, so streamed usage is not asked for. */
  noStreamOptions?: boolean;
  /** The role for instructions: some providers refuse `developer`. Default `system`. */
  developerRole?: boolean;
  /** The provider refuses `parallel_tool_calls`. */
  noParallelToolCalls?: boolean;
  /** Structured output only as `json_object`; schemas are put into the instructions. */
  noJsonSchema?: boolean;
  /**
   * How the provider is asked to go on with an assistant message that ends the conversation: by `partial` or
   * `prefix` on the message, by vLLM's `continue_final_message`, or by the message alone. Default: it cannot
   * be, and answers such a message like any other. Only for providers that do it with every model they serve.
   */
  prefill?: 'partial' | 'prefix' | 'continue_final_message' | 'plain';
}

/** A provider with its credentials, ready to be called. */
export interface Provider {
  id: string;
  /** Without trailing slash, as the provider's own SDK takes it. */
  baseUrl: string;
  /** Absent for local servers that ask for none. */
  apiKey?: string;
  quirks: Quirks;
}

/** One request on the provider's wire. `body` is serialised by the transport. */
export interface WireRequest {
  /** Joined to the provider's base URL; begins with a slash. */
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

/** One server-sent event. `data` is the payload text. */
export interface SseEvent {
  event?: string;
  data: string;
}

/**
 * Reads one streamed answer: a reducer over the provider's events.
 * `push` returns the deltas that an event causes and throws a `Fault` for a malformed one or one that
 * reports a failure. `end` is called when the connection has closed in order; it returns the last
 * deltas, or throws `provider_protocol_error` if the protocol's end mark never came.
 */
export interface StreamReader {
  push(event: SseEvent): Delta[];
  end(): Delta[];
}

/** A wire protocol: pure translation, no network. `http-claw.ts` joins it to a transport. */
export interface WireProtocol {
  readonly name: ProtocolName;
  readonly capabilities: Capabilities;
  /** `Claw.prefills` for a prompt that `continues`, at this provider. Claims no more than it documents. */
  prefills(prompt: Prompt, provider: Provider): boolean;
  /**
   * A prompt `continues` only where `prefills` allows it, and its last message ends in no white space then.
   * Into any other the instruction has been put.
   */
  request(prompt: Prompt, provider: Provider): WireRequest;
  /** Translates a whole JSON answer; throws `provider_protocol_error` when it is not one. */
  answer(body: unknown, prompt: Prompt): Delta[];
  reader(prompt: Prompt): StreamReader;
  /** Classifies a failure from its HTTP status and body (parsed JSON, or text where it was none). */
  fault(status: number, body: unknown, headers: Headers): Fault;
}
