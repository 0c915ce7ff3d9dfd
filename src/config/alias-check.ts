import { isObject } from '../core/json.ts';
import { aliasesSchema } from './alias-schema.ts';
import { type Origin, type Problem, pathText, suggestion } from './problems.ts';
import type { Path } from './shape.ts';

/** Names in aliases that stand for nothing: unknown providers, and unknown aliases. */
export function checkAliasNames(value: unknown, providers: ReadonlySet<string>, origin: Origin): Problem[] {
  if (!isObject(value)) return [];
  const own = new Set(Object.keys(value));
  return Object.entries(value).flatMap(([name, written]) => {
    const parsed = aliasesSchema.safeParse({ [name]: written });
    if (!parsed.success) return [];
    const alias = parsed.data[name]!;
    const at = (...path: Path) => (isObject(written) && !Array.isArray(written) ? [name, ...path] : [name]);
    const models = alias.models.map(({ model }, index) => ({ name: model, path: at('models', index) }));
    const resort = alias.lastResort?.model;
    if (resort !== undefined) models.push({ name: resort, path: at('last_resort', 'model') });
    const others = [
      ...alias.tooLong.map((other, index) => ({ name: other, path: at('too_long', index) })),
      ...alias.refused.map((other, index) => ({ name: other, path: at('refused', index) })),
      ...alias.rules.map(({ use }, index) => ({ name: use, path: at('rules', index, 'use') })),
    ].filter((other) => !own.has(other.name));
    return [...models, ...others].flatMap((entry) => problemOf(entry, { own, providers, origin }));
  });
}

function problemOf(
  { name, path }: { name: string; path: Path },
  { own, providers, origin }: { own: ReadonlySet<string>; providers: ReadonlySet<string>; origin: Origin },
): Problem[] {
  const slash = name.indexOf('/');
  const provider = slash === -1 ? '' : name.slice(0, slash);
  if (slash !== -1 && (providers.has(provider) || provider.includes('*'))) return [];
  const full = ['aliases', ...path];
  const what =
    slash === -1
      ? `unknown alias "${name}"${suggestion(name, own)}`
      : `unknown provider "${provider}"${suggestion(provider, providers)}`;
  return [{ where: origin.where(full), message: `${pathText(full)}: ${what}` }];
}
