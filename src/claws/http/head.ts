import { type AnswerHeaders, malformed } from './transport.ts';

/** The longest head, and the longest trailer section, of an answer. Most servers send less than 4 kB. */
export const MOST_HEAD_BYTES = 65_536;
export const MOST_FIELDS = 256;

/** How the end of a body is found (RFC 9112, section 6.3). */
export type Framing = 'none' | 'chunked' | 'until-close' | { bytes: number };

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

const [TAB, SPACE] = [9, 32] as const;
const isBlank = (code: number): boolean => code === SPACE || code === TAB;

/** The fields of a head. */
class Fields implements AnswerHeaders {
  private readonly values = new Map<string, string>();

  get(name: string): string | null {
    return this.values.get(name) ?? null;
  }

  /** Lines with the same name are one list (RFC 9110, section 5.3). */
  add(name: string, value: string): void {
    const before = this.values.get(name);
    this.values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
}

/** Reads a head without its empty line, in Latin-1. Throws `MalformedAnswer` for all that RFC 9112 does not allow. */
export function parseHead(text: string): Head {
  if (!HEAD.test(text)) throw malformed('The head of the answer is malformed.');
  const status = Number(text.slice(9, 12));
  const isNew = text[7] === '1';
  const headers = parseFields(text);
  const framing = framingOf(status, headers, isNew);
  const isReusable = framing !== 'until-close' && staysOpen(headers, isNew);
  return { status, headers, framing, reusableMs: isReusable ? idleMsOf(headers) : 0 };
}

/** Throws `MalformedAnswer` where a line, with its end, is no field. */
export function checkTrailer(line: string): void {
  if (!TRAILER.test(line)) throw malformed('A trailer of the answer is malformed.');
}

/** The fields after the first line of a head that is well-formed. */
function parseFields(text: string): Fields {
  const fields = new Fields();
  let count = 0;
  for (let at = text.indexOf('\r\n'); at !== -1; ) {
    const colon = text.indexOf(':', at);
    const name = text.slice(at + 2, colon).toLowerCase();
    at = text.indexOf('\r\n', colon);
    let begin = colon + 1;
    let end = at === -1 ? text.length : at;
    while (isBlank(text.charCodeAt(begin))) begin++;
    while (end > begin && isBlank(text.charCodeAt(end - 1))) end--;
    if (++count > MOST_FIELDS) throw malformed(`The answer has more than ${MOST_FIELDS} header fields.`);
    fields.add(name, text.slice(begin, end));
  }
  return fields;
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
