import { inBytes } from '../../src/context/retrieval/gloss.ts';
import type { Vectors } from './vectors.ts';

/** Related terms of a term that are stored: those with the highest similarity, where it is at least this. */
const MOST_RELATED = 40;
const LEAST_SIMILARITY = 0.6;

/**
 * The vectors as a file. Numbers are little-endian:
 *
 * - four Uint32: number of terms, dimensions, number of related terms, bytes of the words
 * - for each term, a Uint8: how many related terms it has
 * - for each related term, a Uint16: its number, the closest first
 * - for each related term, a Uint8: its similarity × 255
 * - the words in UTF-8, separated by `\n`
 * - for each term, an Int8 for each dimension: its vector as `inBytes` of `gloss.ts` makes it
 */
export function fileOf({ terms, dimensions, values }: Vectors): Uint8Array {
  const related = terms.map((_, row) => relatedTo(row, values, dimensions));
  const words = new TextEncoder().encode(terms.join('\n'));
  const all = related.flat();
  const head = Uint32Array.of(terms.length, dimensions, all.length, words.length);
  return new Uint8Array(
    Buffer.concat([
      Buffer.from(head.buffer),
      Uint8Array.from(related, ({ length }) => length),
      Buffer.from(Uint16Array.from(all, ([row]) => row).buffer),
      Uint8Array.from(all, ([, similarity]) => Math.round(similarity * 255)),
      words,
      ...terms.map((_, row) =>
        Buffer.from(
          inBytes(Float32Array.from(values.subarray(row * dimensions, (row + 1) * dimensions))).buffer,
        ),
      ),
    ]),
  );
}

function relatedTo(
  row: number,
  values: Float64Array,
  dimensions: number,
): [row: number, similarity: number][] {
  const found: [number, number][] = [];
  for (let other = 0; other * dimensions < values.length; other++) {
    if (other === row) continue;
    let similarity = 0;
    for (let k = 0; k < dimensions; k++)
      similarity += values[row * dimensions + k]! * values[other * dimensions + k]!;
    if (similarity >= LEAST_SIMILARITY) found.push([other, similarity]);
  }
  return found.sort((a, b) => b[1] - a[1]).slice(0, MOST_RELATED);
}
