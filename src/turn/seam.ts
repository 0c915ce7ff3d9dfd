import { Fault } from '../core/errors.ts';

/** The end of what was said, in which a repetition is looked for. */
const WINDOW = 400;
/** A repetition counts where it begins with a word, or from this length on. */
const SURE = 12;
/** From here on, an answer that begins like the first one is that answer begun anew. */
const ANEW = 40;

/** Thrown where a claw does not continue an answer but gives another one. */
export class BeganAnew extends Fault {
  constructor() {
    super('provider_protocol_error', 'The model gave another answer instead of the rest of the first one.');
  }
}

/**
 * Joins a continuation to a text that was cut. Models repeat the last words, or the word that was cut in the
 * middle, or begin again from the start: what was said already is left out. Text is held back only as
 * long as it may still turn out to be a repetition.
 */
export class Seam {
  /** The white space before `begun`; a model that goes on with the very next character has none. */
  private space = '';
  private begun = '';
  private open = true;
  /** Where in `said` a repetition may have begun, as far as it is still in agreement. */
  private starts: number[];
  /** Where in `said` the words begin. */
  private readonly first: number;

  /** `exact`: the model goes on with the very next character, so that only white space can come twice. */
  constructor(
    private readonly said: string,
    private readonly exact: boolean,
  ) {
    this.first = said.length - said.trimStart().length;
    this.starts = exact ? whitespaceStarts(said) : repetitionStarts(said, this.first);
  }

  /** Takes more of the continuation; returns what is news for certain. Throws `BeganAnew`. */
  push(text: string): string {
    if (!this.open) return text;
    const more = this.exact || this.begun !== '' ? text : text.trimStart();
    this.space += text.slice(0, text.length - more.length);
    const at = this.begun.length;
    this.begun += more;
    this.starts = this.starts.filter((start) => this.agrees(start, at, more));
    return this.starts.some((start) => !this.isPast(start)) ? '' : this.settle();
  }

  /** The continuation has ended: returns what was held back and is no repetition. Throws `BeganAnew`. */
  flush(): string {
    if (!this.open) return '';
    const [first] = this.starts;
    if (!this.exact && first === this.first && !this.isWhole(first) && this.begun.length >= ANEW) {
      throw new BeganAnew();
    }
    this.starts = this.starts.filter((start) => this.isWhole(start));
    return this.settle();
  }

  /** Whether `more`, which comes at a place of the continuation, is what followed `start` at that place. */
  private agrees(start: number, at: number, more: string): boolean {
    const { said } = this;
    const expected = Math.max(0, said.length - start - at);
    if (said.startsWith(more.slice(0, expected), start + at)) return true;
    const isFirst = start === this.first && !this.exact;
    if (isFirst && at + agreement(said, start + at, more) >= ANEW) throw new BeganAnew();
    return false;
  }

  private isWhole(start: number): boolean {
    return this.said.length - start <= this.begun.length;
  }

  /** Whether what follows the repetition has begun: a word may turn out to be the beginning of another one. */
  private isPast(start: number): boolean {
    return this.said.length - start < this.begun.length;
  }

  /** The longest repetition that came whole is left out. */
  private settle(): string {
    this.open = false;
    const { said, space, begun } = this;
    const start = this.starts[0];
    if (start !== undefined && (this.exact || !this.isChance(start))) return begun.slice(said.length - start);
    // Between words, the cut and the model may both have left a space.
    return space === ' ' && /\S $/.test(said.slice(-2)) ? begun : space + begun;
  }

  /** Whether the text may well repeat itself, and not the model. */
  private isChance(start: number): boolean {
    return this.isRhythm(start) || this.isOtherWord(start) || this.isOtherLine(start);
  }

  /** What was said has gone on like this before: "0, 0," and " 0". */
  private isRhythm(start: number): boolean {
    const { said, space } = this;
    const turn = LAST_WORD.exec(said.slice(-WINDOW))![0] + space + FIRST_WORD.exec(said.slice(start))![0];
    for (let at = said.indexOf(turn); at !== -1; at = said.indexOf(turn, at + 1)) {
      if (at === 0 || beginsToken(said, at)) return true;
    }
    return false;
  }

  /** A new word begins like the last one: "to" and " town". */
  private isOtherWord(start: number): boolean {
    const { said, space, begun } = this;
    const next = begun[said.length - start];
    return space !== '' && next !== undefined && WORD.test(next) && ONE_WORD.test(said.slice(start));
  }

  /** A new line begins with the same mark as the last one: of lists, tables and code. */
  private isOtherLine(start: number): boolean {
    return this.space.includes('\n') && !WORD.test(this.said[start]!);
  }
}

function whitespaceStarts(said: string): number[] {
  const first = said.trimEnd().length;
  return Array.from({ length: said.length - first }, (_, i) => first + i);
}

/** Ascending, so that the longest comes first. */
function repetitionStarts(said: string, first: number): number[] {
  const starts = first < said.length ? [first] : [];
  for (let start = Math.max(first + 1, said.length - WINDOW); start < said.length; start++) {
    if (said.length - start >= SURE || (beginsToken(said, start) && isTelling(said.slice(start)))) {
      starts.push(start);
    }
  }
  return starts;
}

const WORD = /[\p{L}\p{N}]/u;
const ONE_WORD = /^[\p{L}\p{N}]+$/u;
const FIRST_WORD = /^[^\p{L}\p{N}]{0,12}[\p{L}\p{N}]{0,12}/u;
const LAST_WORD = /[\p{L}\p{N}]{0,12}[^\p{L}\p{N}]{0,12}$/u;
const CASED = /[\p{Lu}\p{Ll}]/u;

/** A word, or any mark behind white space. */
function beginsToken(text: string, at: number): boolean {
  const before = text[at - 1]!;
  return WORD.test(text[at]!) ? !WORD.test(before) : before.trim() === '' && text[at]!.trim() !== '';
}

/** A single character tells of a repetition only where words hardly begin with it twice. */
const isTelling = (text: string): boolean => (text.length > 1 ? WORD : CASED).test(text);

/** How far `more` is what `said` holds from a place on. */
function agreement(said: string, at: number, more: string): number {
  let length = 0;
  while (length < more.length && said[at + length] === more[length]) length++;
  return length;
}
