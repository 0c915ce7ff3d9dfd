import { readFileSync } from 'node:fs';

/** Another term with a related meaning, and how close it is: 0 to 1. */
export interface Related {
  term: string;
  similarity: number;
}

/**
 * Meanings of English terms as static vectors, made from the glosses of WordNet (`bench/gloss`). Terms are stems
 * (`stem.ts`), in the order of their frequency. The file format is described in `bench/gloss/write.ts`.
 */
export class Gloss {
  readonly dimensions: number;
  readonly #terms: readonly string[];
  readonly #rows: ReadonlyMap<string, number>;
  readonly #vectors: Int8Array;
  readonly #starts: Uint32Array;
  readonly #related: Uint16Array;
  readonly #similarities: Uint8Array;

  constructor(file: Uint8Array) {
    const [terms = 0, dimensions = 0, related = 0, words = 0] = new Uint32Array(file.slice(0, 16).buffer);
    let at = 16;
    const take = (bytes: number): Uint8Array => {
      at += bytes;
      return file.slice(at - bytes, at);
    };
    this.dimensions = dimensions;
    const counts = take(terms);
    this.#related = new Uint16Array(take(2 * related).buffer);
    this.#similarities = take(related);
    this.#terms = new TextDecoder().decode(take(words)).split('\n');
    this.#vectors = new Int8Array(take(terms * dimensions).buffer);
    this.#rows = new Map(this.#terms.map((term, row) => [term, row]));
    this.#starts = new Uint32Array(terms + 1);
    counts.forEach((count, row) => {
      this.#starts[row + 1] = this.#starts[row]! + count;
    });
  }

  knows(term: string): boolean {
    return this.#rows.has(term);
  }

  /** The terms with the closest meanings, the closest first. */
  related(term: string): Related[] {
    const row = this.#rows.get(term);
    if (row === undefined) return [];
    const found: Related[] = [];
    for (let at = this.#starts[row]!; at < this.#starts[row + 1]!; at++) {
      found.push({ term: this.#terms[this.#related[at]!]!, similarity: this.#similarities[at]! / 255 });
    }
    return found;
  }

  /** The meaning of a text, of length 1; all 0 where no term is known. `weightOf` defaults to how rare a term is. */
  meaning(terms: Iterable<string>, weightOf?: (term: string) => number): Float32Array {
    const sum = new Float32Array(this.dimensions);
    for (const term of terms) {
      const row = this.#rows.get(term);
      if (row === undefined) continue;
      const weight = weightOf ? weightOf(term) : Math.log(8 + row) ** 2;
      const from = row * this.dimensions;
      for (let k = 0; k < sum.length; k++) sum[k]! += weight * this.#vectors[from + k]!;
    }
    let square = 0;
    for (const value of sum) square += value * value;
    const length = Math.sqrt(square) || 1;
    return sum.map((value) => value / length);
  }
}

/** A vector of length 1 in bytes. Components are far below 1, so they are scaled up; the few large ones are cut. */
export function inBytes(vector: Float32Array): Int8Array {
  const scale = 127 * Math.sqrt(vector.length / 16);
  return Int8Array.from(vector, (value) => Math.max(-127, Math.min(127, Math.round(value * scale))));
}

let loaded: Gloss | undefined;

/** The vectors, read from their file at the first call and shared. */
export function gloss(): Gloss {
  loaded ??= new Gloss(new Uint8Array(readFileSync(new URL('./gloss.bin', import.meta.url))));
  return loaded;
}
