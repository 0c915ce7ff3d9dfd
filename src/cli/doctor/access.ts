import { nearest } from '../../core/nearest.ts';
import { matches } from '../../core/routing.ts';
import type { Finding } from './finding.ts';
import { type Known, type Problem, targetOf, whyNotListed, whyOff } from './targets.ts';

/** Reports rules of keys that leave no model, and limits of models that never apply. */
export function checkAccess(known: Known): Finding[] {
  const { keys, rateLimits } = known.config;
  const regions = regionsOf(known);
  return [
    ...keys.flatMap(({ name, models = [], regions: allowed = [], dataCollection }) => {
      const problems = [
        ...models.flatMap((pattern) => checkPattern(pattern, known, 'correct the key')),
        ...allowed.flatMap((region) => checkRegion(region, regions)),
        ...(dataCollection === 'deny' ? checkData(known) : []),
      ];
      return problems.map((problem) => ({ subject: `key ${name}`, ...problem }));
    }),
    ...Object.keys(rateLimits.perModel).flatMap((name) =>
      (isAliasName(name, known) ? [] : checkPattern(name, known, 'correct rate_limits.per_model')).map(
        (problem) => ({ subject: 'per_model', ...problem }),
      ),
    ),
  ];
}

/** A name of `keys[].models` or of `rate_limits.per_model`; `change` completes the remedy. */
function checkPattern(pattern: string, known: Known, change: string): Problem[] {
  if (isAliasName(pattern, known) || matches(pattern, 'local/recall')) return [];
  const target = targetOf(pattern, known);
  const isOff = target && whyOff(target, change);
  if (isOff) return [{ level: 'note', ...isOff }];
  const notListed = target && whyNotListed(target, known);
  if (notListed) return [{ level: 'warn', ...notListed }];
  if (target || callable(known).some((name) => matches(pattern, name))) return [];
  const names = [...Object.keys(known.config.aliases), ...callable(known)];
  const [near] = nearest(pattern, names);
  const remedy = near === undefined ? 'Use an alias or `provider/model`.' : `Did you mean ${near}?`;
  return [{ level: 'warn', message: `"${pattern}" is no alias and no model that can be called`, remedy }];
}

/** Whether a name, or a pattern of names, is or covers one of an alias. */
const isAliasName = (name: string, { config }: Known): boolean =>
  Object.keys(config.aliases).some((alias) => matches(name, alias) || matches(alias, name));

/** The known models of the providers that are on: each as `provider/model`, and by its bare name. */
const callable = ({ found, catalogue, config }: Known): string[] =>
  found
    .filter(({ state }) => state === 'on')
    .flatMap(({ id, aliases }) => [
      ...catalogue.models(id).map((model) => ({ id, model: model.id })),
      ...[id, ...aliases].flatMap((name) =>
        (config.claws[name]?.models ?? []).map((model) => ({ id, model: model.id })),
      ),
    ])
    .flatMap(({ id, model }) => [`${id}/${model}`, model]);

/** The regions of all claws that are on, and of models of aliases. */
function regionsOf({ found, config }: Known): Set<string> {
  const ofClaws = found.flatMap((provider) =>
    provider.state === 'on' ? provider.connections.map(({ region }) => region) : [],
  );
  const ofMembers = Object.values(config.aliases).flatMap(({ models }) => models.map(({ region }) => region));
  return new Set([...ofClaws, ...ofMembers].filter((region) => region !== undefined));
}

function checkRegion(region: string, regions: ReadonlySet<string>): Problem[] {
  if (regions.has(region)) return [];
  const [near] = nearest(region, regions);
  const remedy =
    near === undefined
      ? `Set \`claws.<name>.region: ${region}\` for the claws that are there, or correct the key.`
      : `Did you mean ${near}?`;
  return [{ level: 'warn', message: `no claw is in the region "${region}"`, remedy }];
}

function checkData({ found }: Known): Problem[] {
  const keeps = (provider: Known['found'][number]) => provider.state === 'off' || provider.collectsData;
  if (found.some((provider) => !keeps(provider))) return [];
  return [
    {
      level: 'warn',
      message: 'may only use claws that keep no data, and there is none except local/recall',
      remedy: 'Set `claws.<name>.data_collection: deny` for a provider whose contract excludes it.',
    },
  ];
}
