import { describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const SRC = join(import.meta.dir, '../../src');

/** What each part of the tree may import besides itself. A path that ends in `.ts` is one file. */
const CORE = ['core'];
const PORTS = [
  'session/blob-store.ts',
  'session/claim-store.ts',
  'session/journal.ts',
  'session/lease-store.ts',
  'session/line-store.ts',
  'session/members.ts',
  'session/turn-feed.ts',
  'session/survey-store.ts',
  'session/turn-log.ts',
  'session/value-store.ts',
  'session/vector-store.ts',
  'limits/rate-store.ts',
  'context/ratio-store.ts',
  'security/key-store.ts',
  'security/seal-key-store.ts',
];
const BELOW_TURN = [
  ...['core', 'claws', 'routing', 'limits', 'session', 'context', 'cache', 'security', 'usage', 'events'],
];
const ALLOWED: Record<string, string[]> = {
  core: [],
  claws: CORE,
  routing: CORE,
  limits: CORE,
  session: CORE,
  context: CORE,
  cache: CORE,
  security: CORE,
  usage: CORE,
  events: CORE,
  config: CORE,
  turn: BELOW_TURN,
  api: [...BELOW_TURN, 'turn'],
  jobs: [...BELOW_TURN, 'turn'],
  http: ['core', 'api'],
  stores: [...CORE, ...PORTS],
  observe: [...CORE, ...PORTS],
  composition: [...BELOW_TURN, 'config', 'turn', 'api', 'stores', 'http', 'observe', '../package.json'],
  // Types alone: the page is built without the gateway.
  dashboard: ['http/admin/gateway-schemas.ts', 'http/admin/session-schemas.ts'],
  workers: CORE,
  cli: ['core', 'config', 'claws', 'security', 'main.ts', 'supervisor.ts', '../package.json'],
};

/** Only the composition names these; everything else knows their contracts. */
const CONCRETE = /^(stores|claws\/(anthropic|gemini|local|openai-chat|openai-responses))\//;

interface SourceFile {
  path: string;
  text: string;
  imports: string[];
}

const files: SourceFile[] = [...new Bun.Glob('**/*.{ts,tsx}').scanSync(SRC)].map((path) => {
  const text = readFileSync(join(SRC, path), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => match[1]!);
  const imports = specifiers.map((specifier) => relative(SRC, join(SRC, dirname(path), specifier)));
  return { path, text, imports };
});

const partOf = (path: string): string => path.split('/')[0]!;

describe('structure', () => {
  test('imports point one way', () => {
    const wrong = files.flatMap(({ path, imports }) => {
      const part = partOf(path);
      // The composition roots put all parts together.
      if (path === 'main.ts' || path === 'supervisor.ts') return [];
      const allowed = ALLOWED[part];
      if (!allowed) return [`${path}: the part "${part}" has no rule`];
      return imports
        .filter(
          (target) =>
            partOf(target) !== part && !allowed.includes(partOf(target)) && !allowed.includes(target),
        )
        .map((target) => `${path} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('the dashboard knows types of the management API, and no code', () => {
    const wrong = files.filter(
      ({ path, text }) =>
        path.startsWith('dashboard/') && /^import (?!type )[^;]*'(\.\.\/)+http\//m.test(text),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('there are no cycles', () => {
    const byPath = new Map(files.map((file) => [file.path, file]));
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (path: string, trail: string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
        return;
      }
      state.set(path, 'open');
      for (const target of byPath.get(path)?.imports ?? []) visit(target, [...trail, path]);
      state.set(path, 'done');
    };
    for (const { path } of files) visit(path, []);
    expect(cycles).toEqual([]);
  });

  test('every name is imported from the file that declares it', () => {
    const again = files.filter(({ path, text }) => {
      // The command line gets what it needs of the composition from the root.
      if (path === 'main.ts') return false;
      return /^export (type )?(\*|\{)/m.test(text);
    });
    expect(again.map(({ path }) => path)).toEqual([]);
  });

  test('files have at most 400 lines, comments and blank lines aside', () => {
    const long = files
      .map(({ path, text }) => {
        const code = text.replace(/\/\*[\s\S]*?\*\//g, '').split('\n');
        return {
          path,
          lines: code.filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length,
        };
      })
      .filter(({ lines }) => lines > 400);
    expect(long).toEqual([]);
  });

  test('names are domain nouns in kebab-case', () => {
    const wrong = files.filter(
      ({ path }) =>
        !/^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.tsx?$/.test(path) ||
        /\b(utils?|helpers?|manager|common|misc)\b/.test(path),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('only the composition names concrete stores and wire protocols', () => {
    const partOfConcrete = (path: string) => CONCRETE.exec(path)?.[0];
    const named = files.flatMap(({ path, imports }) =>
      path.startsWith('composition/')
        ? []
        : imports
            .filter((target) => CONCRETE.test(target) && partOfConcrete(target) !== partOfConcrete(path))
            .map((target) => `${path} imports ${target}`),
    );
    expect(named).toEqual([]);
  });
});
