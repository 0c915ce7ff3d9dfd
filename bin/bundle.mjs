// Makes `dist/` from `src/`: one file for the process and one for each of its threads, with bytecode and source maps.
// Runs under Bun; `node bin/build.mjs` starts it.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DIST, RECORD, ROOT, SOURCE_ENTRY } from './built.mjs';
import { putInPlace } from './put-in-place.mjs';

const SRC = join(ROOT, 'src');

/** How a source starts a thread. Each of these threads has a file of its own in `dist/`. */
const THREAD = /new Worker\(new URL\('([^']+)\.ts', import\.meta\.url\)/g;

const threads = new Set();
for await (const path of new Bun.Glob('**/*.ts').scan({ cwd: SRC, absolute: true })) {
  const text = await Bun.file(path).text();
  for (const [, thread] of text.matchAll(THREAD)) threads.add(resolve(dirname(path), `${thread}.ts`));
}

/** What the program is made from: path, size and time of each file, see `builtEntry`. */
const files = new Map();
for (const path of [fileURLToPath(import.meta.url), Bun.resolveSync('bun/package.json', ROOT)]) note(path);
const folder = join(ROOT, `.dist-${process.pid}`);
try {
  await Bun.build({
    entrypoints: [SOURCE_ENTRY, ...threads],
    root: SRC,
    outdir: folder,
    target: 'bun',
    // Bytecode of modules would need an executable.
    format: 'cjs',
    bytecode: true,
    banner: "'use strict';",
    sourcemap: 'linked',
    plugins: [{ name: 'places', setup: (builder) => builder.onLoad({ filter: /./ }, load) }],
  });
  for (const map of new Bun.Glob('**/*.map').scanSync({ cwd: folder, absolute: true })) correctMap(map);
  writeFileSync(join(folder, basename(RECORD)), JSON.stringify({ root: ROOT, files: [...files.values()] }));
  await expectRuns(join(folder, 'cli', 'clawhold.js'));
  // A gateway that runs on an earlier build may start a thread at any time, so the folder may not be missing for long.
  putInPlace(folder, DIST);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Called before the file is read, so that a later change is seen. */
function note(path) {
  const { size, mtimeMs } = statSync(path);
  files.set(path, [relative(ROOT, path), size, mtimeMs]);
}

/** Sources find files beside them at the place of the source, and threads that were built at their place in `dist/`. */
async function load({ path, loader }) {
  note(path);
  if (!path.startsWith(SRC) || loader !== 'ts') return undefined;
  const text = await Bun.file(path).text();
  const contents = text
    .replaceAll(THREAD, (_, thread) => {
      const file = relative(SRC, resolve(dirname(path), `${thread}.js`));
      return `new Worker(new URL(${JSON.stringify(pathToFileURL(join(DIST, file)).href)})`;
    })
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
  return { contents, loader };
}

/** Stack traces name the sources. The bundler names them relative to the output folder, Bun reads them relative to the map. */
function correctMap(path) {
  const map = JSON.parse(readFileSync(path, 'utf8'));
  const sources = map.sources.map((source) => resolve(folder, source));
  writeFileSync(path, JSON.stringify({ ...map, sources }));
}

/** A program that is not understood is never used. */
async function expectRuns(entry) {
  const child = Bun.spawn([process.execPath, entry, '--version'], { stdout: 'ignore', stderr: 'pipe' });
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
}
