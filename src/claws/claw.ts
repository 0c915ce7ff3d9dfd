import type { Delta } from '../core/delta.ts';
import type { Fault } from '../core/errors.ts';
import type { Part } from '../core/items.ts';
import type { Prompt, ProtocolName } from '../core/prompt.ts';
import type { Quota } from '../core/quota.ts';
import type { Settings, Tool } from '../core/settings.ts';
import type { AnswerHeaders } from './http/transport.ts';

/** What only some protocols can do. */
export interface ProtocolCapabilities {
  /** Several alternative answers in one call (`n`). */
  choices: boolean;
  logprobs: boolean;
  /** Whether the API has a form for an image, a recording or a file, whatever the model. True for all other parts. */
  takes(part: Part): boolean;
  /** The settings that the API has no field for, and that a call leaves out. */
  leavesOut: readonly (keyof Settings)[];
  /** The settings without which the answer would be another one, and that the API has no field for. */
  refuses: readonly (keyof Settings)[];
}

/**
 * What only some claws can do. Checked before a call, so that a missing capability is a clear error (400).
 */
export interface Capabilities extends ProtocolCapabilities {
  /**
   * The indexes of the tools that the provider does not have, in any form (`claws/tools/table.ts`). A call
   * leaves them out. `vocabulary` is the protocol in whose words the caller wrote the tools.
   */
  lackedTools(tools: readonly Tool[], vocabulary: ProtocolName): number[];
  /** The settings of a request that a call leaves out. */
  lackedSettings(settings: Settings): (keyof Settings)[];
}

/** What a call reports beside its deltas, and the trace that it is in. */
export interface CallListener {
  /**
   * Called for everything of the answer's body that arrives: for what becomes deltas, and for comments and pings
   * that show that the provider is alive. Headers do not count.
   */
  heard(): void;
  /** Called where the headers of the reply, or of the refusal, say how much of a rate limit is left. */
  quota(quota: Quota): void;
  /** W3C Trace Context of the call, for a provider that wants it (`Provider.wantsTrace`). */
  traceParent?: string;
}

/**
 * A claw: a connection to one AI service, with one wire protocol and its own credentials.
 *
 * `call` yields deltas as `Delta` describes, in bursts: deltas that arrived together are yielded together,
 * so that each burst is journaled and sent in one write. No burst is empty. It throws a `Fault`, classified
 * once from the provider's status and structured body:
 * - before the first delta, for everything that the provider refuses. The next candidate may then be tried.
 * - after the first delta: `stream_interrupted` when the connection broke; `provider_protocol_error` when
 *   the answer was malformed or ended without the end mark of its protocol; `provider_error` when the
 *   provider reported a failure in its stream. A cut answer never ends normally.
 * An abort of `signal` stops the provider's work and ends the iteration with the signal's reason.
 */
export interface Claw {
  /** The provider's id, the first half of `provider/model`. */
  readonly provider: string;
  readonly protocol: ProtocolName;
  readonly capabilities: Capabilities;
  /**
   * How the answer to a prompt that `continues` follows the earlier text. Pure, and known before the call,
   * because the splice is different for each value:
   * - `true`: the model treats the earlier text as its own unfinished message and generates from the next
   *   character on. White space at the end of the earlier text is not sent, so the model generates it again.
   * - `false`: the model reads the earlier text and an instruction to continue it. Mostly it does so, but it
   *   may repeat the last words first, or start the whole answer again.
   * `false` for a prompt that does not continue an answer.
   */
  prefills(prompt: Prompt): boolean;
  call(prompt: Prompt, signal: AbortSignal, listener?: CallListener): AsyncIterable<readonly Delta[]>;
  /** How long it took lately to connect to the service, in milliseconds; `undefined` where it is not known. */
  connectMs?(): number | undefined;
  /**
   * Resolves when the service can be reached at this moment; called while a call is silent, with the signal of the
   * call. Rejects with `provider_unreachable` or `provider_timeout` when it cannot be reached, and with
   * `provider_unreachable` when the connection of the call is dead. Absent for a claw without a network connection.
   */
  probe?(signal: AbortSignal): Promise<void>;
}

/** How an OpenAI-compatible provider differs from OpenAI. Each field is a fact about the provider's API. */
export interface Quirks {
  /**
   * The request field that limits output. Default: `max_tokens`. OpenAI itself takes `max_completion_tokens`.
   */
  maxTokensField?: 'max_tokens' | 'max_completion_tokens';
  /** The provider refuses `stream_options`, so usage is not requested for streams. */
  noStreamOptions?: boolean;
  /**
   * The provider accepts the role `developer` for instructions. Default: instructions have the role `system`.
   */
  developerRole?: boolean;
  /** The provider refuses `parallel_tool_calls`. */
  noParallelToolCalls?: boolean;
  /**
   * The provider takes structured output only as `json_object`. Schemas are written into the instructions.
   */
  noJsonSchema?: boolean;
  /**
   * How a request asks the provider to continue an assistant message that ends the conversation: the field
   * `partial` or `prefix` on that message, vLLM's request field `continue_final_message`, or (`plain`) the
   * message alone. Default: the provider cannot continue it and answers it like any other message. Set it
   * only for providers that continue with every model that they serve.
   */
  prefill?: 'partial' | 'prefix' | 'continue_final_message' | 'plain';
}

/** A provider with its credentials, ready to be called. */
export interface Provider {
  id: string;
  /** Without a trailing slash, as the provider's own SDK takes it. */
  baseUrl: string;
  /** Absent for local servers that need no key. */
  apiKey?: string;
  quirks: Quirks;
  /** Calls tell the trace that they are in, by the header `traceparent`. */
  wantsTrace?: boolean;
}

/** One request in the provider's wire format. The transport serialises `body` to JSON. */
export interface WireRequest {
  /** Appended to the provider's base URL. Begins with a slash. */
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

/** One server-sent event. `data` is its text. */
export interface SseEvent {
  event?: string;
  data: string;
}

/**
 * Reads one streamed answer: a reducer over the provider's events.
 * `push` returns the deltas of one event. It throws a `Fault` for an event that is malformed or reports a
 * failure. `end` is called after the connection closed normally. It returns the last deltas, or throws
 * `provider_protocol_error` if the end mark of the protocol did not come.
 */
export interface StreamReader {
  push(event: SseEvent): Delta[];
  end(): Delta[];
}

/**
 * A wire protocol: pure translation, no network. `http-claw.ts` connects it to a transport, and gives it prompts
 * whose tools and calls the provider has (`claws/tools/`): functions, and tools of the API's own types.
 */
export interface WireProtocol {
  readonly name: ProtocolName;
  readonly capabilities: ProtocolCapabilities;
  /**
   * `Claw.prefills` for a prompt that `continues`, at this provider. True only where the provider documents
   * it.
   */
  prefills(prompt: Prompt, provider: Provider): boolean;
  /**
   * Builds the request. Here a prompt `continues` only if `prefills` is true for it; its last message then
   * ends in no white space. Any other prompt already holds the instruction to continue.
   */
  request(prompt: Prompt, provider: Provider): WireRequest;
  /**
   * Translates a whole JSON answer. Throws `provider_protocol_error` when `body` is not an answer. `headers`
   * are those of the answer, if it has any.
   */
  answer(body: unknown, prompt: Prompt, headers?: AnswerHeaders): Delta[];
  reader(prompt: Prompt, headers?: AnswerHeaders): StreamReader;
  /**
   * Classifies a failure from its HTTP status and its body (parsed JSON, or the text when it is not JSON).
   */
  fault(status: number, body: unknown, headers: AnswerHeaders): Fault;
}
