import { type Gloss, inBytes } from './gloss.ts';

/** How much of the meaning of the passages before and after it a passage has. */
const NEIGHBOURS = [0.5, 0.2];

/** The meanings of an index's passages (`gloss.ts`), by number. */
export class Meanings {
  readonly #gloss: Gloss;
  #vectors: Int8Array;
  /** Memory that comparisons use one after the other. */
  readonly #sum: Float32Array;

  constructor(gloss: Gloss) {
    this.#gloss = gloss;
    this.#vectors = new Int8Array(64 * gloss.dimensions);
    this.#sum = new Float32Array(gloss.dimensions);
  }

  set(number: number, terms: readonly string[]): void {
    const { dimensions } = this.#gloss;
    const end = (number + 1) * dimensions;
    if (end > this.#vectors.length) {
      const grown = new Int8Array(Math.ceil((number + 1) * 1.5) * dimensions);
      grown.set(this.#vectors);
      this.#vectors = grown;
    }
    this.#vectors.set(inBytes(this.#gloss.meaning(terms)), end - dimensions);
  }

  /**
   * How close the meaning of a passage, with those of its neighbours for which `isNear` holds, is to that of a
   * query: 0 to 1.
   */
  similarity(
    asked: Float32Array,
    number: number,
    isNear: (number: number, neighbour: number) => boolean,
  ): number {
    const sum = this.#sum;
    const vectors = this.#vectors;
    sum.fill(0);
    add(sum, vectors, number, 1);
    for (let distance = 1; distance <= NEIGHBOURS.length; distance++) {
      const weight = NEIGHBOURS[distance - 1]!;
      if (isNear(number, number - distance)) add(sum, vectors, number - distance, weight);
      if (isNear(number, number + distance)) add(sum, vectors, number + distance, weight);
    }
    let product = 0;
    let square = 0;
    for (let k = 0; k < sum.length; k++) {
      product += sum[k]! * asked[k]!;
      square += sum[k]! * sum[k]!;
    }
    return square === 0 ? 0 : Math.max(0, product / Math.sqrt(square));
  }
}

/** Adds the vector of a passage, multiplied. */
function add(sum: Float32Array, vectors: Int8Array, number: number, weight: number): void {
  const from = number * sum.length;
  for (let k = 0; k < sum.length; k++) sum[k]! += weight * vectors[from + k]!;
}
