import type { Document, Node, Pair } from 'yaml';
import { type Environment, fillIn } from './environment.ts';
import type { Problem } from './problems.ts';
import type { Path } from './shape.ts';

/** A configuration file, read but not yet validated. */
export interface YamlFile {
  /** Undefined when the file is empty. */
  value: unknown;
  problems: Problem[];
  /** `clawhold.yaml:12`: the line of the key or entry at `path`, or of the nearest one around it. */
  where(path: Path): string;
  /** The text at `path` as it was written, where variables were put into it. */
  written(path: Path): string | undefined;
}

/** Parses `text` and fills in `${VARIABLES}`. `name` is how messages call the file. */
export async function readYaml(text: string, name: string, env: Environment): Promise<YamlFile> {
  const { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } = await import('yaml');
  const counter = new LineCounter();
  const lineAt = (offset: number) => `${name}:${counter.linePos(offset).line}`;
  // Pretty errors quote the lines around the mistake, which may hold a key.
  const document: Document = parseDocument(text, { lineCounter: counter, prettyErrors: false, merge: true });
  // One syntax mistake makes the parser stumble on; only the first of that kind says something.
  const misread = document.errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  const errors = document.errors.filter((error) => error.code === 'DUPLICATE_KEY' || error === misread);
  const problems: Problem[] = errors.map((error) => ({
    where: lineAt(error.pos[0]),
    message: `not valid YAML: ${error.message.replace(/: ["'`].*$/s, '')}`,
  }));

  const writtenTexts = new Map<unknown, string>();
  visit(document, {
    Scalar(place, node) {
      if (place === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const written = node.value;
      writtenTexts.set(node, written);
      const filled = fillIn(written, env);
      node.value = filled.text;
      const where = lineAt(node.range?.[0] ?? 0);
      for (const message of filled.problems) problems.push({ where, message });
    },
  });

  const resolved = (node: unknown) => (isAlias(node) ? node.resolve(document) : node);
  const walk = (path: Path) => {
    let node: unknown = document.contents;
    let offset = document.contents?.range?.[0] ?? 0;
    for (const step of path) {
      const around = resolved(node);
      if (isMap(around)) {
        const pair: Pair | undefined = around.items.find(
          ({ key }) => String(isScalar(key) ? key.value : key) === String(step),
        );
        if (!pair) return { node: undefined, offset };
        offset = (pair.key as Node).range?.[0] ?? offset;
        node = pair.value;
      } else if (isSeq(around) && typeof step === 'number') {
        node = around.items[step];
        offset = (node as Node | undefined)?.range?.[0] ?? offset;
      } else {
        return { node: undefined, offset };
      }
    }
    return { node: resolved(node), offset };
  };

  return {
    value: errors.length > 0 ? undefined : (document.toJS() ?? undefined),
    problems,
    where: (path) => lineAt(walk(path).offset),
    written: (path) => writtenTexts.get(walk(path).node),
  };
}
