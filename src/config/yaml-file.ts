import type { Document, Node, Pair, YAMLParseError } from 'yaml';
import { type Environment, fillIn } from './environment.ts';
import type { Problem } from './problems.ts';
import type { Path } from './shape.ts';

/** A configuration file, read but not yet validated. */
export interface YamlFile {
  /** Undefined when the file is empty, or not YAML. */
  value: unknown;
  problems: Problem[];
  /** The environment variables that the file names. */
  variables: ReadonlySet<string>;
  /** `clawhold.yaml:12`: the line of the key or entry at `path`, or of the nearest one that contains it. */
  where(path: Path): string;
  /** The text at `path` before its variables were replaced; absent for a text without variables. */
  written(path: Path): string | undefined;
}

type Yaml = typeof import('yaml');

/** Parses `text` and replaces `${VARIABLES}` by their values. Messages call the file `name`. */
export async function readYaml(text: string, name: string, env: Environment): Promise<YamlFile> {
  // Loaded here, because a start without a file does not need the parser.
  const yaml = await import('yaml');
  const lineCounter = new yaml.LineCounter();
  const lineAt = (offset: number) => `${name}:${lineCounter.linePos(offset).line}`;
  // Pretty errors quote the lines around the mistake. These may contain a key.
  const document = yaml.parseDocument(text, { lineCounter, prettyErrors: false, merge: true });
  // After a colon, the message quotes the text where the parser failed. This may be a key too.
  const problems: Problem[] = usefulErrors(document.errors).map((error) => ({
    where: lineAt(error.pos[0]),
    message: `not valid YAML: ${error.message.replace(/: .*$/s, '')}`,
  }));

  const variables = new Set<string>();
  const writtenTexts = new Map<unknown, string>();
  yaml.visit(document, {
    Scalar(position, node) {
      if (position === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      writtenTexts.set(node, node.value);
      const filled = fillIn(node.value, env);
      node.value = filled.text;
      for (const variable of filled.variables) variables.add(variable);
      for (const message of filled.problems) problems.push({ where: lineAt(node.range?.[0] ?? 0), message });
    },
  });
  let value: unknown;
  try {
    if (document.errors.length === 0) value = document.toJS() ?? undefined;
  } catch {
    problems.push({ where: name, message: 'an alias (*name) has no anchor (&name), or there are too many' });
  }
  return {
    value,
    problems,
    variables,
    where: (path) => lineAt(locate(yaml, document, path).offset),
    written: (path) => writtenTexts.get(locate(yaml, document, path).node),
  };
}

/** One syntax mistake causes further ones, so only the first is useful. Duplicate keys are independent. */
function usefulErrors(errors: readonly YAMLParseError[]): YAMLParseError[] {
  const first = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  return errors.filter((error) => error.code === 'DUPLICATE_KEY' || error === first);
}

/**
 * The node at `path`, and the offset of its key or entry. Without such a node, the offset of the nearest one
 * that contains it.
 */
function locate(yaml: Yaml, document: Document, path: Path): { node?: unknown; offset: number } {
  const resolved = (node: unknown) => (yaml.isAlias(node) ? node.resolve(document) : node);
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const step of path) {
    const around = resolved(node);
    if (yaml.isMap(around)) {
      const pair: Pair | undefined = around.items.find(
        ({ key }) => String(yaml.isScalar(key) ? key.value : key) === String(step),
      );
      if (!pair) return { offset };
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (yaml.isSeq(around) && typeof step === 'number') {
      node = around.items[step];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else {
      return { offset };
    }
  }
  return { node: resolved(node), offset };
}
