/** One JSON request to a provider. */
export interface PostRequest {
  /** `http:` or `https:`, absolute. */
  url: string;
  /** Names and values as `fetch` takes them; `host`, `content-length` and the fields of connections are added. */
  headers: Readonly<Record<string, string>>;
  /** Sent as UTF-8. */
  body: string;
  /** An abort closes the connection; all that waits then rejects with the signal's reason. */
  signal: AbortSignal;
  /** The request gets a connection of its own that no earlier request has used. */
  fresh?: boolean;
}

/** The header fields of an answer. */
export interface AnswerHeaders {
  /** The value of a field; `name` is in small letters. Several fields with one name are joined by commas. */
  get(name: string): string | null;
}

/** A part of a body, or its end. */
export type Chunk = IteratorResult<Uint8Array, undefined>;

const END: Chunk = { done: true, value: undefined };
/** The end of a body. */
export const end = (): Chunk => END;

/** The body of an answer as it came, without the framing of HTTP, with its content codings. */
export interface AnswerChunks {
  /**
   * What has come since the last read, or what comes next. A chunk belongs to its reader. Fails where the
   * connection broke before the end, after all that came before. One read at a time.
   */
  read(): Chunk | Promise<Chunk>;
  /** Closes the connection, except at the end of the body. */
  cancel(): void;
}

/** An answer whose head has come. */
export interface HttpAnswer {
  /** 200 to 599. */
  status: number;
  headers: AnswerHeaders;
  chunks: AnswerChunks;
}

/**
 * Sends a request and waits for the head of its answer. The port between claws and the network; `client.ts`
 * implements it, and `fetched.ts` for what only `fetch` can do. No request is sent twice, and no redirect is followed.
 *
 * Rejects with the reason of the aborted signal; with `provider_unreachable` or `provider_timeout` where no connection
 * could be opened; with an error that has a `code` for any other failure.
 */
export type Post = (request: PostRequest) => Promise<HttpAnswer>;

/** Why there is no answer, or no more of it. */
export class TransportError extends Error {
  override readonly name = 'TransportError';

  constructor(
    readonly code: 'ConnectionClosed' | 'MalformedAnswer' | 'UnexpectedRedirect' | 'UnrequestedUpgrade',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export const malformed = (what: string): TransportError => new TransportError('MalformedAnswer', what);

/** The statuses that `fetch` takes for redirects. */
export const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
