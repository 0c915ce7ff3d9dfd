import { isObject } from '../core/json.ts';
import { matches } from '../core/routing.ts';
import { aliasesSchema } from './alias-schema.ts';
import { type Origin, type Problem, pathText, suggestion } from './problems.ts';
import type { Path } from './shape.ts';

/** A name in an alias, and what it may be. */
interface Named {
  /** A `*` in it stands for the text of the `*` in the alias's own name. */
  name: string;
  /** Below `aliases`. */
  path: Path;
  /** Whether it may be an alias. */
  mayBeAlias: boolean;
}

type Parsed = NonNullable<ReturnType<typeof aliasesSchema.parse>[string]>;

/**
 * Mistakes in aliases that involve several settings: unknown providers, unknown aliases, a `*` that stands for
 * nothing, and dialects that do not exist.
 */
export function checkAliasNames(value: unknown, providers: ReadonlySet<string>, origin: Origin): Problem[] {
  if (!isObject(value)) return [];
  const own = Object.keys(value);
  return Object.entries(value).flatMap(([alias, written]) => {
    const parsed = aliasesSchema.safeParse({ [alias]: written });
    if (!parsed.success) return [];
    const settings = parsed.data[alias]!;
    const report = (path: Path, message: string): Problem => {
      const full = ['aliases', ...path];
      return { where: origin.where(full), message: `${pathText(full)}: ${message}` };
    };
    const wrongNames = namesOf(alias, written, settings).flatMap((named) => {
      const message = wrongStar(named, alias) ?? unknownName(named, own, providers);
      return message === undefined ? [] : [report(named.path, message)];
    });
    const wrongDialects = settings.rules.flatMap(({ when }, index) =>
      (when.dialect ?? [])
        .filter((pattern) => !DIALECTS.some((dialect) => matches(pattern, dialect)))
        .map((got) =>
          report(
            [alias, 'rules', index, 'when', 'dialect'],
            `expected one of ${DIALECTS.join(', ')}, got "${got}"`,
          ),
        ),
    );
    return [...wrongNames, ...wrongDialects];
  });
}

/** The dialects of requests. */
const DIALECTS = ['chat', 'responses', 'completions', 'messages', 'gemini', 'interactions'];

/** All names of one alias. A shorthand has its models without the key `models`. */
function namesOf(
  alias: string,
  written: unknown,
  { models, lastResort, tooLong, refused, rules }: Parsed,
): Named[] {
  const modelPath = (index: number): Path => {
    if (Array.isArray(written)) return [alias, index];
    return isObject(written) ? [alias, 'models', index] : [alias];
  };
  const kinds = { model: { mayBeAlias: false }, other: { mayBeAlias: true } };
  const resort = lastResort?.model;
  return [
    ...models.map(({ model }, index) => ({ name: model, path: modelPath(index), ...kinds.model })),
    ...rules.map(({ use }, index) => ({ name: use, path: [alias, 'rules', index, 'use'], ...kinds.other })),
    ...tooLong.map((name, index) => ({ name, path: [alias, 'too_long', index], ...kinds.other })),
    ...refused.map((name, index) => ({ name, path: [alias, 'refused', index], ...kinds.other })),
    ...(resort === undefined
      ? []
      : [{ name: resort, path: [alias, 'last_resort', 'model'], ...kinds.model }]),
  ];
}

function wrongStar({ name }: Named, alias: string): string | undefined {
  if (!name.includes('*')) return undefined;
  const stars = alias.split('*').length - 1;
  return stars === 1 ? undefined : `"${name}" has a "*", so the alias's name needs exactly one, too`;
}

function unknownName(
  { name, mayBeAlias }: Named,
  own: readonly string[],
  providers: ReadonlySet<string>,
): string | undefined {
  if (mayBeAlias && own.some((alias) => matches(alias, name))) return undefined;
  const slash = name.indexOf('/');
  if (slash === -1) return `unknown alias "${name}"${suggestion(name, own)}`;
  const provider = name.slice(0, slash);
  if (providers.has(provider) || provider.includes('*')) return undefined;
  return `unknown provider "${provider}"${suggestion(provider, providers)}`;
}
