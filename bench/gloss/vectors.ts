import type { Bag } from './wordnet.ts';

/** Vectors of terms: `dimensions` numbers each, of length 1, in the order of `terms`. */
export interface Vectors {
  terms: readonly string[];
  dimensions: number;
  values: Float64Array;
}

/** Further dimensions of the random projection, which make the first ones more exact. */
const OVERSAMPLING = 16;
const POWER_ITERATIONS = 3;
/** Contexts are smoothed by this exponent, so that rare ones get less weight. */
const CONTEXT_SMOOTHING = 0.75;

/**
 * Vectors of the most frequent terms: terms are close where they occur in the same bags. They are made from the
 * positive pointwise mutual information of terms in bags, reduced by a randomised singular value decomposition
 * (Halko, Martinsson and Tropp, 2011). The result is the same for the same bags.
 */
export function vectorsOf(bags: readonly Bag[], most: number, dimensions: number, power = 0.5): Vectors {
  const terms = frequentTerms(bags, most);
  const matrix = informationOf(bags, new Map(terms.map((term, row) => [term, row])));
  const width = dimensions + OVERSAMPLING;
  const basis = randomNumbers(terms.length * width);
  let image = multiplied(matrix, basis, width);
  orthonormalise(image, width);
  for (let i = 0; i < POWER_ITERATIONS; i++) {
    image = multiplied(matrix, image, width);
    orthonormalise(image, width);
  }
  // The matrix is symmetric: its projection to the basis has the same largest eigenvalues.
  const small = gram(image, multiplied(matrix, image, width), width);
  const { vectors, values } = eigen(small, width);
  const result = new Float64Array(terms.length * dimensions);
  const order = [...values.keys()]
    .sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!))
    .slice(0, dimensions);
  for (let row = 0; row < terms.length; row++) {
    order.forEach((source, column) => {
      let sum = 0;
      for (let k = 0; k < width; k++) sum += image[row * width + k]! * vectors[k * width + source]!;
      result[row * dimensions + column] = sum * Math.abs(values[source]!) ** power;
    });
  }
  normalise(result, dimensions);
  return { terms, dimensions, values: result };
}

function frequentTerms(bags: readonly Bag[], most: number): string[] {
  const counts = new Map<string, number>();
  for (const bag of bags) for (const term of new Set(bag)) counts.set(term, (counts.get(term) ?? 0) + 1);
  return [...counts]
    .filter(([term, count]) => count > 1 && /^[a-z][a-z']+$/.test(term))
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, most)
    .map(([term]) => term);
}

/** A sparse symmetric matrix: the entries of row `r` are those from `starts[r]` to `starts[r + 1]`. */
interface Sparse {
  starts: Uint32Array;
  columns: Uint32Array;
  values: Float64Array;
}

/** Positive pointwise mutual information of terms that occur in the same bag. A long bag counts as much as a short one. */
function informationOf(bags: readonly Bag[], rows: ReadonlyMap<string, number>): Sparse {
  const size = rows.size;
  const counts = Array.from({ length: size }, () => new Map<number, number>());
  for (const bag of bags) {
    const present = [...new Set(bag)].flatMap((term) => rows.get(term) ?? []);
    for (const a of present) {
      for (const b of present)
        if (a !== b) counts[a]!.set(b, (counts[a]!.get(b) ?? 0) + 1 / (present.length - 1));
    }
  }
  const sums = counts.map((row) => [...row.values()].reduce((sum, count) => sum + count, 0));
  const smoothed = sums.map((sum) => sum ** CONTEXT_SMOOTHING);
  const total = smoothed.reduce((sum, value) => sum + value, 0);
  const entries = counts.map((row, a) =>
    [...row]
      .map(([b, count]): [number, number] => {
        const forward = Math.log((count / sums[a]!) * (total / smoothed[b]!));
        const backward = Math.log((count / sums[b]!) * (total / smoothed[a]!));
        return [b, Math.max(0, (forward + backward) / 2)];
      })
      .filter(([, value]) => value > 0),
  );
  const starts = new Uint32Array(size + 1);
  entries.forEach((row, index) => {
    starts[index + 1] = starts[index]! + row.length;
  });
  const flat = entries.flat();
  return {
    starts,
    columns: Uint32Array.from(flat, ([column]) => column),
    values: Float64Array.from(flat, ([, value]) => value),
  };
}

function multiplied({ starts, columns, values }: Sparse, right: Float64Array, width: number): Float64Array {
  const result = new Float64Array(right.length);
  for (let row = 0; row + 1 < starts.length; row++) {
    for (let entry = starts[row]!; entry < starts[row + 1]!; entry++) {
      const value = values[entry]!;
      const from = columns[entry]! * width;
      for (let k = 0; k < width; k++) result[row * width + k]! += value * right[from + k]!;
    }
  }
  return result;
}

/** Makes the columns orthogonal and of length 1: modified Gram-Schmidt, twice for exactness. */
function orthonormalise(matrix: Float64Array, width: number): void {
  for (let pass = 0; pass < 2; pass++) {
    for (let column = 0; column < width; column++) {
      for (let before = 0; before < column; before++) {
        const shared = product(matrix, width, before, column);
        for (let i = 0; i < matrix.length; i += width) matrix[i + column]! -= shared * matrix[i + before]!;
      }
      const length = Math.sqrt(product(matrix, width, column, column)) || 1;
      for (let i = column; i < matrix.length; i += width) matrix[i]! /= length;
    }
  }
}

function product(matrix: Float64Array, width: number, a: number, b: number): number {
  let sum = 0;
  for (let i = 0; i < matrix.length; i += width) sum += matrix[i + a]! * matrix[i + b]!;
  return sum;
}

/** The product of the transposed left matrix and the right one. */
function gram(left: Float64Array, right: Float64Array, width: number): Float64Array {
  const result = new Float64Array(width * width);
  for (let i = 0; i < left.length; i += width) {
    for (let a = 0; a < width; a++) {
      for (let b = 0; b < width; b++) result[a * width + b]! += left[i + a]! * right[i + b]!;
    }
  }
  return result;
}

const SWEEPS = 30;

/** Eigenvalues, and eigenvectors as columns, of a symmetric matrix: the method of Jacobi. */
function eigen(matrix: Float64Array, size: number): { values: Float64Array; vectors: Float64Array } {
  const vectors = new Float64Array(size * size);
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(matrix, vectors, size, p, q);
  }
  return { values: Float64Array.from({ length: size }, (_, i) => matrix[i * size + i]!), vectors };
}

function rotate(matrix: Float64Array, vectors: Float64Array, size: number, p: number, q: number): void {
  const off = matrix[p * size + q]!;
  if (Math.abs(off) < 1e-12) return;
  const angle = 0.5 * Math.atan2(2 * off, matrix[q * size + q]! - matrix[p * size + p]!);
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const turn = (values: Float64Array, a: number, b: number): void => {
    const left = values[a]!;
    const right = values[b]!;
    values[a] = cos * left - sin * right;
    values[b] = sin * left + cos * right;
  };
  for (let k = 0; k < size; k++) turn(matrix, k * size + p, k * size + q);
  for (let k = 0; k < size; k++) turn(matrix, p * size + k, q * size + k);
  for (let k = 0; k < size; k++) turn(vectors, k * size + p, k * size + q);
}

function normalise(values: Float64Array, dimensions: number): void {
  for (let from = 0; from < values.length; from += dimensions) {
    let square = 0;
    for (let k = from; k < from + dimensions; k++) square += values[k]! ** 2;
    const length = Math.sqrt(square) || 1;
    for (let k = from; k < from + dimensions; k++) values[k]! /= length;
  }
}

/** Evenly spread in -1..1, the same at every run (xorshift32). */
function randomNumbers(count: number): Float64Array {
  let state = 0x9e3779b9;
  return Float64Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 31 - 1;
  });
}
