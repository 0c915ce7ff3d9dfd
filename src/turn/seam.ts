/** The end of what was said, in which a repetition is looked for. */
const WINDOW = 400;
/** A repetition counts where it begins with a word, or from this length on. */
const SURE = 12;
/** From here on, an answer that begins like the first one is that answer begun anew. */
const ANEW = 40;

/** Thrown where a claw does not continue an answer but gives another one. */
export class BeganAnew extends Error {
  override readonly name = 'BeganAnew';
}

/**
 * Joins a continuation to a text that was cut. Models repeat the last words, or the word that was cut in the
 * middle, or begin again from the start: what was said already is left out. Text is held back only as
 * long as it may still turn out to be a repetition.
 */
export class Seam {
  private held = '';
  private open = true;
  /** Where in `said` a repetition may have begun, as far as it is still in agreement. */
  private starts: number[];

  /** `exact`: the model goes on with the very next character, so that only white space can come twice. */
  constructor(
    private readonly said: string,
    private readonly exact: boolean,
  ) {
    this.starts = exact ? whitespaceStarts(said) : repetitionStarts(said);
  }

  /** Takes more of the continuation; returns what is news for certain. Throws `BeganAnew`. */
  push(text: string): string {
    if (!this.open) return text;
    this.held += text;
    const begun = this.exact ? this.held : this.held.trimStart();
    this.starts = this.starts.filter((start) => this.agrees(start, begun));
    const { said } = this;
    if (this.starts.some((start) => said.length - start > begun.length)) return '';
    return this.settle(begun);
  }

  /** The continuation has ended: returns what was held back and is no repetition. */
  flush(): string {
    if (!this.open) return '';
    const begun = this.exact ? this.held : this.held.trimStart();
    const whole = this.starts.filter((start) => this.said.length - start <= begun.length);
    this.starts = whole;
    return this.settle(begun);
  }

  private agrees(start: number, begun: string): boolean {
    const length = Math.min(this.said.length - start, begun.length);
    if (this.said.startsWith(begun.slice(0, length), start)) return true;
    if (start === 0 && !this.exact && agreement(this.said, begun) >= ANEW) {
      throw new BeganAnew('The claw gave another answer instead of the rest of the first one.');
    }
    return false;
  }

  /** The longest repetition that came whole is left out. */
  private settle(begun: string): string {
    this.open = false;
    const start = this.starts[0];
    const news = start === undefined ? this.held : begun.slice(this.said.length - start);
    this.held = '';
    return news;
  }
}

function whitespaceStarts(said: string): number[] {
  const first = said.trimEnd().length;
  return Array.from({ length: said.length - first }, (_, i) => first + i);
}

/** Ascending, so that the longest comes first. */
function repetitionStarts(said: string): number[] {
  const starts = [0];
  for (let start = Math.max(1, said.length - WINDOW); start <= said.length - 2; start++) {
    if (said.length - start >= SURE || beginsWord(said, start)) starts.push(start);
  }
  return starts;
}

const WORD = /[\p{L}\p{N}]/u;
const beginsWord = (text: string, at: number): boolean => WORD.test(text[at]!) && !WORD.test(text[at - 1]!);

function agreement(a: string, b: string): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
