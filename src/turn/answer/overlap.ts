import { Fault } from '../../core/errors.ts';

/** UTF-16 units at the end of the earlier text in which a repetition is searched. */
const WINDOW = 400;
/** A repetition of this length counts in any case; a shorter one only where it begins with a word. */
const CERTAIN_LENGTH = 12;
/** A continuation that repeats this much of the earlier text's beginning is the same answer, begun again. */
const RESTART_LENGTH = 40;

/** Thrown where a claw gives another answer instead of the rest of the first one. */
export class DifferentAnswer extends Fault {
  constructor() {
    super('provider_protocol_error', 'The model gave another answer instead of the rest of the first one.');
  }
}

/**
 * Removes from a continuation what it repeats of the text before it. The earlier text was cut after any
 * character. Models repeat its last words, or its last word where this was cut in the middle, or start again
 * from the beginning. Text is held back only as long as it may still turn out to be a repetition.
 */
export class Overlap {
  /** The white space before `continuation`; none where the model continues with the very next character. */
  private space = '';
  private continuation = '';
  private isOpen = true;
  /** Indexes in `earlier` at which a repetition may begin: the continuation so far agrees with the text there. */
  private starts: number[];
  /** The index in `earlier` of the first character that is not white space. */
  private readonly first: number;

  /** `exact`: the model continues with the very next character, so that only white space can come twice. */
  constructor(
    private readonly earlier: string,
    private readonly exact: boolean,
  ) {
    this.first = earlier.length - earlier.trimStart().length;
    this.starts = exact ? whitespaceStarts(earlier) : repetitionStarts(earlier, this.first);
  }

  /** Adds text of the continuation. Returns what is certainly no repetition. Throws `DifferentAnswer`. */
  push(text: string): string {
    if (!this.isOpen) return text;
    const more = this.exact || this.continuation !== '' ? text : text.trimStart();
    this.space += text.slice(0, text.length - more.length);
    const offset = this.continuation.length;
    this.continuation += more;
    this.starts = this.starts.filter((start) => this.agrees(start, offset, more));
    return this.starts.some((start) => !this.isPast(start)) ? '' : this.decide();
  }

  /** Ends the continuation. Returns the held-back text that is no repetition. Throws `DifferentAnswer`. */
  flush(): string {
    if (!this.isOpen) return '';
    const [start] = this.starts;
    const isRestart = !this.exact && start === this.first && this.continuation.length >= RESTART_LENGTH;
    if (isRestart && !this.isComplete(start)) throw new DifferentAnswer();
    this.starts = this.starts.filter((index) => this.isComplete(index));
    return this.decide();
  }

  /** Whether `more`, at `offset` of the continuation, agrees with the earlier text from `start` on. */
  private agrees(start: number, offset: number, more: string): boolean {
    const { earlier } = this;
    const expected = Math.max(0, earlier.length - start - offset);
    if (earlier.startsWith(more.slice(0, expected), start + offset)) return true;
    const isFirst = start === this.first && !this.exact;
    if (isFirst && offset + agreement(earlier, start + offset, more) >= RESTART_LENGTH) {
      throw new DifferentAnswer();
    }
    return false;
  }

  /** Whether the continuation has repeated everything from `start` to the end of the earlier text. */
  private isComplete(start: number): boolean {
    return this.earlier.length - start <= this.continuation.length;
  }

  /** Whether more text has come after the repetition. Only then is it known whether its last word is a whole one. */
  private isPast(start: number): boolean {
    return this.earlier.length - start < this.continuation.length;
  }

  /** Removes the longest complete repetition. */
  private decide(): string {
    this.isOpen = false;
    const { earlier, space, continuation } = this;
    const start = this.starts[0];
    if (start !== undefined && (this.exact || !this.isChance(start))) {
      return continuation.slice(earlier.length - start);
    }
    // Both the earlier text and the model may have the space between two words.
    return space === ' ' && /\S $/.test(earlier.slice(-2)) ? continuation : space + continuation;
  }

  /** Whether the answer itself may contain the same text twice, so that the model has not repeated anything. */
  private isChance(start: number): boolean {
    return this.isPattern(start) || this.isOtherWord(start) || this.isOtherLine(start);
  }

  /** The earlier text has continued in the same way before: "0, 0," and " 0". */
  private isPattern(start: number): boolean {
    const { earlier, space } = this;
    const transition =
      LAST_WORD.exec(earlier.slice(-WINDOW))![0] + space + FIRST_WORD.exec(earlier.slice(start))![0];
    let found = earlier.indexOf(transition);
    while (found !== -1) {
      if (found === 0 || beginsToken(earlier, found)) return true;
      found = earlier.indexOf(transition, found + 1);
    }
    return false;
  }

  /** A new word begins like the last one: "to" and " town". */
  private isOtherWord(start: number): boolean {
    const { earlier, space, continuation } = this;
    const next = continuation[earlier.length - start];
    return space !== '' && next !== undefined && WORD.test(next) && ONE_WORD.test(earlier.slice(start));
  }

  /** A new line begins with the same mark as the last one: of lists, tables and code. */
  private isOtherLine(start: number): boolean {
    return this.space.includes('\n') && !WORD.test(this.earlier[start]!);
  }
}

function whitespaceStarts(earlier: string): number[] {
  const first = earlier.trimEnd().length;
  return Array.from({ length: earlier.length - first }, (_, i) => first + i);
}

/** In ascending order, so that the longest repetition comes first. */
function repetitionStarts(earlier: string, first: number): number[] {
  const starts = first < earlier.length ? [first] : [];
  for (let start = Math.max(first + 1, earlier.length - WINDOW); start < earlier.length; start++) {
    const isLong = earlier.length - start >= CERTAIN_LENGTH;
    if (isLong || (beginsToken(earlier, start) && isSignificant(earlier.slice(start)))) starts.push(start);
  }
  return starts;
}

const WORD = /[\p{L}\p{N}]/u;
const ONE_WORD = /^[\p{L}\p{N}]+$/u;
const FIRST_WORD = /^[^\p{L}\p{N}]{0,12}[\p{L}\p{N}]{0,12}/u;
const LAST_WORD = /[\p{L}\p{N}]{0,12}[^\p{L}\p{N}]{0,12}$/u;
const CASED = /[\p{Lu}\p{Ll}]/u;

/** Whether a token begins at `index`: a word, or any mark after white space. */
function beginsToken(text: string, index: number): boolean {
  const before = text[index - 1]!;
  return WORD.test(text[index]!) ? !WORD.test(before) : before.trim() === '' && text[index]!.trim() !== '';
}

/**
 * Whether a text that comes twice shows a repetition. A single character does only in alphabets with upper and
 * lower case: there, the next word rarely begins with the same letter.
 */
const isSignificant = (text: string): boolean => (text.length > 1 ? WORD : CASED).test(text);

/** How many characters of `more` are the same as in `text` from `start` on. */
function agreement(text: string, start: number, more: string): number {
  let length = 0;
  while (length < more.length && text[start + length] === more[length]) length++;
  return length;
}
