import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { termsOf } from '../../src/context/retrieval/words.ts';

/** A synset as a bag of terms: its words, its gloss with the examples, and the words of what it is a kind of. */
export type Bag = readonly string[];

const FILES = ['data.noun', 'data.verb', 'data.adj', 'data.adv'];

interface Synset {
  words: string[];
  gloss: string;
  /** Keys of the synsets that it is a kind of, an instance of, or similar to. */
  related: string[];
}

/** Reads the database files of WordNet (format: https://wordnet.princeton.edu/documentation/wndb5wn). */
export function readBags(folder: string): Bag[] {
  const synsets = new Map<string, Synset>();
  for (const file of FILES) {
    for (const line of readFileSync(join(folder, file), 'utf8').split('\n')) {
      if (/^\d/.test(line)) synsets.set(...synsetOf(line));
    }
  }
  return [...synsets.values()].map(({ words, gloss, related }) => [
    ...termsOf(words.join(' ')),
    ...termsOf(related.flatMap((key) => synsets.get(key)?.words ?? []).join(' ')),
    ...termsOf(gloss),
  ]);
}

/** Pointers to synsets with a more general meaning, or with a similar one. */
const POINTERS = new Set(['@', '@i', '&', '\\', '+']);

function synsetOf(line: string): [key: string, synset: Synset] {
  const [data, gloss = ''] = line.split(' | ');
  const fields = data!.trim().split(' ');
  const count = Number.parseInt(fields[3]!, 16);
  const words = Array.from({ length: count }, (_, word) => fields[4 + 2 * word]!.replace(/\(.*\)$/, ''));
  const pointers = 4 + 2 * count;
  const related = Array.from({ length: Number(fields[pointers]) }, (_, pointer) => {
    const [kind, offset, type] = fields.slice(pointers + 1 + 4 * pointer);
    return POINTERS.has(kind!) ? keyOf(type!, offset!) : '';
  });
  return [
    keyOf(fields[2]!, fields[0]!),
    {
      words: words.map((word) => word.replaceAll('_', ' ')),
      gloss,
      related: related.filter((key) => key !== ''),
    },
  ];
}

/** A satellite adjective (`s`) is in the file of adjectives (`a`). */
const keyOf = (type: string, offset: string): string => (type === 's' ? 'a' : type) + offset;
