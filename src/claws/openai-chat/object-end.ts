/** Finds where a JSON object ends that comes in pieces. It looks at each character once. */
export class ObjectEnd {
  /** The object has its closing brace. */
  isComplete = false;
  private depth = 0;
  private isInString = false;
  private isEscaped = false;

  /** How much of the next piece comes before another object: all of it, unless one begins there. */
  endIn(piece: string): number {
    const end = this.isComplete ? 0 : this.read(piece);
    return this.isComplete && piece.slice(end).trimStart().startsWith('{') ? end : piece.length;
  }

  private read(piece: string): number {
    for (let at = 0; at < piece.length; at++) {
      this.isComplete = this.closes(piece[at]!);
      if (this.isComplete) return at + 1;
    }
    return piece.length;
  }

  /** Whether the character closes the object. */
  private closes(char: string): boolean {
    if (this.isInString) {
      if (this.isEscaped) this.isEscaped = false;
      else if (char === '\\') this.isEscaped = true;
      else if (char === '"') this.isInString = false;
      return false;
    }
    if (char === '"') this.isInString = true;
    else if (char === '{') this.depth++;
    else if (char === '}') return --this.depth === 0;
    return false;
  }
}
