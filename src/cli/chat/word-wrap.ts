/** Line breaks, runs of blanks, single characters of scripts that write no blanks between words, and words. */
const PIECES = /\n|[^\S\n]+|[\u2e80-\uffef]|[^\s\u2e80-\uffef]+/gu;
const WIDE = /^[\u2e80-\uffef]$/u;

/**
 * Breaks streamed text between words; a terminal alone would break inside words. A word is held back until it
 * is whole, so `flush` must be called before other text is written.
 */
export class WordWrap {
  private column = 0;
  private word = '';

  constructor(
    private readonly write: (text: string) => void,
    private readonly width: () => number,
  ) {}

  push(text: string): void {
    for (const piece of text.match(PIECES) ?? []) {
      if (piece === '\n') this.newLine();
      else if (piece.trim() === '') this.pushBlank(piece);
      else this.pushWord(piece);
    }
  }

  flush(): void {
    const width = Bun.stringWidth(this.word);
    if (width === 0) return;
    if (this.column > 0 && this.column + width > this.width()) this.out('\n', 0);
    this.out(this.word, (this.column + width) % this.width());
    this.word = '';
  }

  private pushWord(piece: string): void {
    if (WIDE.test(piece)) this.flush();
    this.word += piece;
    // Long words, such as URLs, are written before they are whole.
    if (WIDE.test(piece) || this.word.length > this.width() / 2) this.flush();
  }

  private newLine(): void {
    this.flush();
    this.out('\n', 0);
  }

  private pushBlank(piece: string): void {
    this.flush();
    const column = this.column + piece.length;
    if (column < this.width()) this.out(piece, column);
    else this.out('\n', 0);
  }

  private out(text: string, column: number): void {
    this.write(text);
    this.column = column;
  }
}
