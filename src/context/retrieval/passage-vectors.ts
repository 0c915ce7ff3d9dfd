/** Components whose signs are compared first: the first ones say most, or as much as the others. */
const SIGNS = 512;
/** So many times as many passages as are asked for are compared exactly. */
const EXACT = 2;
/** Passages whose similarity shows what is usual for unrelated ones. */
const SAMPLE = 128;
/** The scale of a vector of zeros. */
const NO_DIRECTION = 1e-30;
/** Standard deviations above the usual similarity that count as the same meaning. */
const FULL = 6;

/** A passage and its closeness. */
export interface Near {
  number: number;
  closeness: number;
}

/** Passages, compared with a query. */
export interface Comparison {
  /** 0 (as any passage) to 1 (the same meaning); 0 where the passage has no vector. */
  closeness(number: number): number;
  /** About the `most` closest passages, the closest first. */
  nearest(most: number): Near[];
}

/**
 * The vectors of an index's passages that an embedding model made, by number; some may be absent. A vector takes one
 * byte for each dimension, and a bit for each of the first 512. All of them are compared by their signs, and the best
 * ones exactly, so that a search in a long session stays short.
 */
export class PassageVectors {
  readonly dimensions: number;
  readonly #words: number;
  #vectors: Int8Array;
  #signs: Uint32Array;
  /** 1 over the length of the vector; 0 where there is none. */
  #scales: Float32Array;
  #count = 0;

  constructor(dimensions: number) {
    this.dimensions = dimensions;
    this.#words = Math.ceil(Math.min(dimensions, SIGNS) / 32);
    this.#vectors = new Int8Array(64 * dimensions);
    this.#signs = new Uint32Array(64 * this.#words);
    this.#scales = new Float32Array(64);
  }

  /** How many passages have a vector. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of memory. */
  get bytes(): number {
    return this.#vectors.byteLength + this.#signs.byteLength + this.#scales.byteLength;
  }

  has(number: number): boolean {
    return number < this.#scales.length && this.#scales[number]! > 0;
  }

  /** `vector` has `dimensions` components. One of only zeros is as far from everything. */
  set(number: number, vector: Int8Array): void {
    this.remove(number);
    let square = 0;
    for (const value of vector) square += value * value;
    while (number >= this.#scales.length) this.#grow();
    this.#vectors.set(vector, number * this.dimensions);
    this.#signs.set(signsOf(vector, this.#words), number * this.#words);
    this.#scales[number] = square === 0 ? NO_DIRECTION : 1 / Math.sqrt(square);
    this.#count += 1;
  }

  remove(number: number): void {
    if (!this.has(number)) return;
    this.#scales[number] = 0;
    this.#count -= 1;
  }

  /** Compares the passages below `size` with a query; `undefined` where its vector is of another model. */
  ask(query: Float32Array, size: number): Comparison | undefined {
    if (query.length !== this.dimensions || this.#count === 0) return undefined;
    const asked = unit(query);
    const usual = this.#usual(asked, size);
    const closeness = (number: number) => (this.has(number) ? this.#closeness(asked, number, usual) : 0);
    return {
      closeness,
      nearest: (most) =>
        this.#bySigns(asked, Math.min(size, this.#scales.length), EXACT * most)
          .map((number) => ({ number, closeness: closeness(number) }))
          .sort((a, b) => b.closeness - a.closeness || b.number - a.number)
          .slice(0, most),
    };
  }

  #closeness(asked: Float32Array, number: number, { mean, deviation }: Usual): number {
    const above = (this.#cosine(asked, number) - mean) / (FULL * deviation);
    return Math.min(1, Math.max(0, above));
  }

  #cosine(asked: Float32Array, number: number): number {
    const vectors = this.#vectors;
    const from = number * this.dimensions;
    let product = 0;
    for (let k = 0; k < asked.length; k++) product += asked[k]! * vectors[from + k]!;
    return product * this.#scales[number]!;
  }

  /** Models differ in how similar unrelated texts are: some give them 0.1, others 0.7. */
  #usual(asked: Float32Array, size: number): Usual {
    const step = Math.max(1, Math.floor(size / SAMPLE));
    let [count, sum, squares] = [0, 0, 0];
    for (let number = 0; number < size; number += step) {
      if (!this.has(number)) continue;
      const cosine = this.#cosine(asked, number);
      count += 1;
      sum += cosine;
      squares += cosine * cosine;
    }
    const mean = sum / Math.max(1, count);
    // Few passages say little about what is usual.
    const deviation = Math.max(0.02, Math.sqrt(Math.max(0, squares / Math.max(1, count) - mean * mean)));
    return count < 8 ? { mean: 0, deviation: 1 / FULL } : { mean, deviation };
  }

  /** The passages with the fewest other signs, at most about `most`. */
  #bySigns(asked: Float32Array, size: number, most: number): number[] {
    const words = this.#words;
    const distances = distancesOf(this.#signs, signsOf(asked, words), size);
    const histogram = new Uint32Array(32 * words + 2);
    for (let number = 0; number < size; number++) {
      if (this.#scales[number] === 0) distances[number] = 32 * words + 1;
      histogram[distances[number]!]! += 1;
    }
    let limit = 0;
    for (let found = histogram[0]!; found < most && limit < 32 * words; ) found += histogram[++limit]!;
    const close: number[] = [];
    // The latest passages come first where many are equally far.
    for (let number = size - 1; number >= 0 && close.length < 2 * most; number--)
      if (distances[number]! <= limit) close.push(number);
    return close;
  }

  #grow(): void {
    const size = Math.ceil(this.#scales.length * 1.5);
    const grown = <T extends { set(from: T): void }>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#vectors = grown(this.#vectors, new Int8Array(size * this.dimensions));
    this.#signs = grown(this.#signs, new Uint32Array(size * this.#words));
    this.#scales = grown(this.#scales, new Float32Array(size));
  }
}

/** The similarity of passages that have nothing to do with a query. */
interface Usual {
  mean: number;
  deviation: number;
}

function unit(vector: Float32Array): Float32Array {
  let square = 0;
  for (const value of vector) square += value * value;
  const length = Math.sqrt(square) || 1;
  return vector.map((value) => value / length);
}

function signsOf(vector: Float32Array | Int8Array, words: number): Uint32Array {
  const signs = new Uint32Array(words);
  const length = Math.min(vector.length, 32 * words);
  for (let k = 0; k < length; k++) if (vector[k]! > 0) signs[k >> 5]! |= 1 << (k & 31);
  return signs;
}

/** In how many signs each of the first `size` passages differs. */
function distancesOf(all: Uint32Array, signs: Uint32Array, size: number): Uint16Array {
  const distances = new Uint16Array(size);
  const words = signs.length;
  for (let number = 0, at = 0; number < size; number++) {
    let distance = 0;
    for (let k = 0; k < words; k++, at++) {
      // The number of bits in a word, counted in parallel.
      let bits = (all[at]! ^ signs[k]!) | 0;
      bits -= (bits >>> 1) & 0x55555555;
      bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
      distance += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    }
    distances[number] = distance;
  }
  return distances;
}

/** A vector with one byte for each component. Its direction stays, its length does not. */
export function quantised(vector: Float32Array): Int8Array {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  const scale = largest === 0 ? 0 : 127 / largest;
  return Int8Array.from(vector, (value) => Math.round(value * scale));
}
