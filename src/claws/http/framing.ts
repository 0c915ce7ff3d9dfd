import { checkTrailer, type Framing, MOST_FIELDS, MOST_HEAD_BYTES } from './head.ts';
import { malformed } from './transport.ts';

/** Takes a body out of the bytes of a connection. */
export interface BodyFraming {
  /** All of the body has come. */
  readonly hasEnded: boolean;
  /** Bytes of the connection that came after the end of the body. */
  readonly extra: number;
  /**
   * The bytes of the body in these bytes, in place: the rest of `bytes` may be overwritten. Throws `MalformedAnswer`.
   */
  take(bytes: Buffer): Buffer;
  /** Whether a body ends well where the server closes the connection now. */
  readonly mayClose: boolean;
}

export function bodyFraming(framing: Framing): BodyFraming {
  if (framing === 'chunked') return new ChunkedBody();
  if (framing === 'until-close') return UNTIL_CLOSE;
  return new SizedBody(framing === 'none' ? 0 : framing.bytes);
}

const UNTIL_CLOSE: BodyFraming = { hasEnded: false, extra: 0, take: (bytes) => bytes, mayClose: true };

class SizedBody implements BodyFraming {
  extra = 0;

  constructor(private left: number) {}

  get hasEnded(): boolean {
    return this.left === 0;
  }

  get mayClose(): boolean {
    return this.left === 0;
  }

  take(bytes: Buffer): Buffer {
    if (bytes.length <= this.left) {
      this.left -= bytes.length;
      return bytes;
    }
    const body = bytes.subarray(0, this.left);
    this.extra = bytes.length - this.left;
    this.left = 0;
    return body;
  }
}

/** What the next byte of a chunked body belongs to. */
enum At {
  FirstDigit,
  Digits,
  /** White space between the size and an extension. */
  Padding,
  Extension,
  SizeLf,
  Data,
  DataCr,
  DataLf,
  Trailers,
  End,
}

/** 13 hexadecimal digits are less than the largest exact number. */
const MOST_DIGITS = 13;
/** Of the line with the size, with its extensions. */
const MOST_LINE_BYTES = 1_024;

const [CR, LF, TAB, SPACE, SEMICOLON] = [13, 10, 9, 32, 59] as const;

/** RFC 9112, section 7.1. Extensions and trailers are checked and left out. */
class ChunkedBody implements BodyFraming {
  extra = 0;
  readonly mayClose = false;
  private at = At.FirstDigit;
  /** Of the data of the chunk. */
  private left = 0;
  /** Bytes of the line with the size. */
  private lineBytes = 0;
  /** The beginning of a trailer line. */
  private line = '';
  private trailers = 0;
  private trailerBytes = 0;

  get hasEnded(): boolean {
    return this.at === At.End;
  }

  take(bytes: Buffer): Buffer {
    let from = 0;
    let size = 0;
    let next = 0;
    while (next < bytes.length && this.at !== At.End) {
      if (this.at === At.Data) {
        const part = Math.min(this.left, bytes.length - next);
        if (size === 0) from = next;
        else bytes.copyWithin(from + size, next, next + part);
        size += part;
        next += part;
        this.left -= part;
        if (this.left === 0) this.at = At.DataCr;
      } else if (this.at === At.Trailers) next = this.trailer(bytes, next);
      else this.step(bytes[next++]!);
    }
    this.extra = bytes.length - next;
    return bytes.subarray(from, from + size);
  }

  /** One byte that is neither data nor of a trailer. */
  private step(byte: number): void {
    switch (this.at) {
      case At.FirstDigit:
      case At.Digits:
      case At.Padding:
      case At.Extension:
        this.ofSize(byte);
        break;
      case At.SizeLf:
        expectByte(byte, LF);
        this.at = this.left === 0 ? At.Trailers : At.Data;
        break;
      case At.DataCr:
        expectByte(byte, CR);
        this.at = At.DataLf;
        break;
      default:
        expectByte(byte, LF);
        this.at = At.FirstDigit;
        this.lineBytes = 0;
    }
  }

  private ofSize(byte: number): void {
    if (++this.lineBytes > MOST_LINE_BYTES) throw malformed('The line with the size of a chunk is too long.');
    if (this.at === At.Extension) {
      if (byte === CR) this.at = At.SizeLf;
      else if ((byte < SPACE && byte !== TAB) || byte === 127) throw badChunk();
      return;
    }
    const digit = this.at === At.Padding ? -1 : hexOf(byte);
    if (digit !== -1) {
      if (this.lineBytes > MOST_DIGITS) throw badChunk();
      this.left = this.left * 16 + digit;
      this.at = At.Digits;
    } else if (this.at === At.FirstDigit) throw badChunk();
    else if (byte === CR && this.at === At.Digits) this.at = At.SizeLf;
    else if (byte === SEMICOLON) this.at = At.Extension;
    else if (byte === SPACE || byte === TAB) this.at = At.Padding;
    else throw badChunk();
  }

  /** Reads trailers up to the next line end. Returns the position after it. */
  private trailer(bytes: Buffer, from: number): number {
    const lf = bytes.indexOf(LF, from);
    const to = lf === -1 ? bytes.length : lf + 1;
    this.trailerBytes += to - from;
    if (this.trailerBytes > MOST_HEAD_BYTES) throw malformed('The trailers of the answer are too long.');
    this.line += bytes.toString('latin1', from, to);
    if (lf === -1) return to;
    if (this.line === '\r\n') this.at = At.End;
    else if (++this.trailers > MOST_FIELDS) throw malformed('The answer has too many trailers.');
    else checkTrailer(this.line);
    this.line = '';
    return to;
  }
}

function expectByte(byte: number, wanted: number): void {
  if (byte !== wanted) throw badChunk();
}

const badChunk = () => malformed('A chunk of the answer is malformed.');

/** The value of a hexadecimal digit; -1 for any other byte. */
function hexOf(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
