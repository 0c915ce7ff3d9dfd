import { type AnswerHeaders, malformed } from './transport.ts';

/** The longest head, and the longest trailer section, of an answer. Most servers send less than 4 kB. */
export const MOST_HEAD_BYTES = 65_536;
export const MOST_FIELDS = 256;

/** How the end of a body is found (RFC 9112, section 6.3). */
export type Framing = 'none' | 'chunked' | 'until-close' | { bytes: number };

/** The head of an answer, read. */
export interface Head {
  status: number;
  headers: AnswerHeaders;
  framing: Framing;
  /** For how long the connection may be used again, in milliseconds; 0: not at all. */
  reusableMs: number;
}

/** How long a connection may wait for its next request where the server does not say it. */
const IDLE_MS = 5 * 60_000;
/** A connection is left this long before the server closes it, because a request takes time to arrive. */
const EARLIER_MS = 1_000;

/** A status line, and fields with a token and a text without control characters (RFC 9110, sections 5.5 and 5.6.2). */
const HEAD =
  /^HTTP\/1\.[01] [1-5]\d\d(?: [\t -~\x80-\xff]*)?(?:\r\n[!#$%&'*+.^_`|~\dA-Za-z-]+:[\t -~\x80-\xff]*)*$/;
const TRAILER = /^[!#$%&'*+.^_`|~\dA-Za-z-]+:[\t -~\x80-\xff]*\r\n$/;
const LENGTH = /^\d{1,15}$/;

const [TAB, SPACE, UPPER_A, UPPER_Z] = [9, 32, 65, 90] as const;
/** From a capital letter to its small one. */
const SMALLER = 32;
const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/**
 * The fields of a head that is well-formed. Most fields of an answer are never asked for, so the text is cut where a
 * field is asked for: only the places of the fields are kept.
 */
class Fields implements AnswerHeaders {
  /** For each field, where its name begins and where its colon is. */
  private readonly places: number[] = [];

  constructor(private readonly head: string) {
    const { places } = this;
    for (let at = head.indexOf('\r\n'); at !== -1; ) {
      const colon = head.indexOf(':', at);
      if (places.length >= 2 * MOST_FIELDS) {
        throw malformed(`The answer has more than ${MOST_FIELDS} header fields.`);
      }
      places.push(at + 2, colon);
      at = head.indexOf('\r\n', colon);
    }
  }

  /** Lines with the same name are one list (RFC 9110, section 5.3). */
  get(name: string): string | null {
    const { head, places } = this;
    let found: string | null = null;
    for (let index = 0; index < places.length; index += 2) {
      const from = places[index]!;
      const colon = places[index + 1]!;
      if (colon - from !== name.length || !isNamed(head, from, name)) continue;
      const value = valueAfter(head, colon);
      found = found === null ? value : `${found}, ${value}`;
    }
    return found;
  }
}

/** Whether `name`, in small letters, is in the head at `from`. */
function isNamed(head: string, from: number, name: string): boolean {
  // Names differ at their ends more often than at their beginnings (`x-ratelimit-…`).
  for (let index = name.length - 1; index >= 0; index--) {
    const code = head.charCodeAt(from + index);
    const small = code >= UPPER_A && code <= UPPER_Z ? code + SMALLER : code;
    if (small !== name.charCodeAt(index)) return false;
  }
  return true;
}

function valueAfter(head: string, colon: number): string {
  const at = head.indexOf('\r\n', colon);
  let begin = colon + 1;
  let end = at === -1 ? head.length : at;
  while (isBlank(head.charCodeAt(begin))) begin++;
  while (end > begin && isBlank(head.charCodeAt(end - 1))) end--;
  return head.slice(begin, end);
}

/** Reads a head without its empty line, in Latin-1. Throws `MalformedAnswer` for all that RFC 9112 does not allow. */
export function parseHead(text: string): Head {
  if (!HEAD.test(text)) throw malformed('The head of the answer is malformed.');
  const status = Number(text.slice(9, 12));
  const isNew = text[7] === '1';
  const headers = new Fields(text);
  const framing = framingOf(status, headers, isNew);
  const isReusable = framing !== 'until-close' && staysOpen(headers, isNew);
  return { status, headers, framing, reusableMs: isReusable ? idleMsOf(headers) : 0 };
}

/** Throws `MalformedAnswer` where a line, with its end, is no field. */
export function checkTrailer(line: string): void {
  if (!TRAILER.test(line)) throw malformed('A trailer of the answer is malformed.');
}

/**
 * An answer with both a length and a coding is an attempt to make two readers see different ends, so it is refused; so
 * is a coding other than `chunked`, because no request asks for one.
 */
function framingOf(status: number, headers: AnswerHeaders, isNew: boolean): Framing {
  const coding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (coding !== null) {
    const isChunked = isNew && length === null && coding.toLowerCase() === 'chunked';
    if (!isChunked) throw malformed('The answer has a transfer coding that cannot be read.');
  }
  const bytes = length === null ? undefined : lengthOf(length);
  if (status < 200 || status === 204 || status === 304) return 'none';
  if (coding !== null) return 'chunked';
  return bytes === undefined ? 'until-close' : { bytes };
}

function lengthOf(value: string): number {
  if (LENGTH.test(value)) return Number(value);
  // Several equal values are one (RFC 9112, section 6.3).
  const values = new Set(value.split(',').map((one) => one.trim()));
  const [only = ''] = values;
  if (values.size > 1 || !LENGTH.test(only)) throw malformed('The answer has a malformed `Content-Length`.');
  return Number(only);
}

function staysOpen(headers: AnswerHeaders, isNew: boolean): boolean {
  const connection = headers.get('connection');
  if (connection === null) return isNew;
  const options = connection.toLowerCase().split(',');
  const has = (name: string) => options.some((option) => option.trim() === name);
  return !has('close') && (isNew || has('keep-alive'));
}

/** `Keep-Alive: timeout=5` says after how many seconds the server closes an idle connection. */
function idleMsOf(headers: AnswerHeaders): number {
  const hint = headers.get('keep-alive');
  const seconds = hint === null ? undefined : /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,9})/i.exec(hint)?.[1];
  if (seconds === undefined) return IDLE_MS;
  return Math.min(IDLE_MS, Math.max(0, Number(seconds) * 1_000 - EARLIER_MS));
}

/**
 * The fields of a request that `fetch` adds. No coding of the answer is asked for: it would cost more time than the
 * network saves.
 */
const ADDED = `Connection: keep-alive\r\nUser-Agent: Bun/${Bun.version}\r\nAccept: */*\r\nContent-Length: `;

const NAME = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/;
const VALUE = /^[\t -~]*$/;

/**
 * The head of a request that begins with these lines. Throws `TypeError` for a field that could not be sent as it is:
 * a line end in a key must not begin another field.
 */
export function requestHead(
  begin: string,
  headers: Readonly<Record<string, string>>,
  contentLength: number,
): string {
  let head = begin;
  for (const name in headers) {
    // `fetch` does the same with white space around a value, such as the line end after a key in a file.
    const value = headers[name]!.trim();
    if (!NAME.test(name) || !VALUE.test(value)) throw new TypeError(`The header ${name} cannot be sent.`);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}${ADDED}${contentLength}\r\n\r\n`;
}
