/** Where a term occurs: the numbers of its passages in ascending order, and how often it occurs in each. */
export class Postings {
  #passages = new Uint32Array(2);
  #counts = new Uint8Array(2);
  /** Passages that hold the term. */
  length = 0;

  /** `passage` is greater than all before. Counts above 255 count as 255. */
  add(passage: number, count: number): void {
    if (this.length === this.#passages.length) this.#grow();
    this.#passages[this.length] = passage;
    this.#counts[this.length] = Math.min(count, 255);
    this.length += 1;
  }

  passage(entry: number): number {
    return this.#passages[entry]!;
  }

  count(entry: number): number {
    return this.#counts[entry]!;
  }

  /** The last passage is taken out at once; for another one, the entries after it are moved. */
  remove(passage: number): void {
    const entry = this.#find(passage);
    if (entry === undefined) return;
    this.#passages.copyWithin(entry, entry + 1, this.length);
    this.#counts.copyWithin(entry, entry + 1, this.length);
    this.length -= 1;
  }

  #find(passage: number): number | undefined {
    let low = 0;
    let high = this.length - 1;
    while (low <= high) {
      // The last entry is looked at first.
      const middle = high === this.length - 1 ? high : (low + high) >> 1;
      const found = this.#passages[middle]!;
      if (found === passage) return middle;
      if (found < passage) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  #grow(): void {
    const size = Math.ceil(this.length * 1.5) + 1;
    const passages = new Uint32Array(size);
    passages.set(this.#passages);
    this.#passages = passages;
    const counts = new Uint8Array(size);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
