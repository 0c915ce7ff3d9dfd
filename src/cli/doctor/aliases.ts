import type { Config } from '../../config/config.ts';
import { nearest } from '../../core/nearest.ts';
import { matches } from '../../core/routing.ts';
import type { Finding } from './finding.ts';
import {
  factsOf,
  type Known,
  ownModels,
  type Problem,
  type Target,
  targetOf,
  whyNotListed,
  whyOff,
} from './targets.ts';

type AliasSettings = Config['aliases'][string];

/**
 * Reports aliases that do not do what they say: their models cannot be called now or are in no list, or a
 * setting has no effect.
 */
export function checkAliases(known: Known): Finding[] {
  const names = Object.keys(known.config.aliases);
  return Object.entries(known.config.aliases).flatMap(([name, alias], index) => {
    const problems = [
      ...hidden(name, names.slice(0, index)),
      ...checkNames(modelsOf(alias), known),
      ...alias.rules.flatMap(({ use, when }, at) => [
        ...checkNames([use], known, `rules[${at}].use`),
        ...checkKeys(when.key ?? [], known, `rules[${at}].when.key`),
      ]),
      ...checkNames(alias.tooLong, known, 'too_long'),
      ...checkNames(alias.refused, known, 'refused'),
      ...checkNames(
        alias.lastResort?.model === undefined ? [] : [alias.lastResort.model],
        known,
        'last_resort',
      ),
      ...checkStrategy(alias, known),
      ...checkHedge(alias, known),
    ];
    return problems.map((problem) => ({ subject: `alias ${name}`, ...problem }));
  });
}

const modelsOf = ({ models }: AliasSettings): string[] => models.map(({ model }) => model);

/** An exact name comes before all patterns, and an earlier pattern before a later one. */
function hidden(name: string, earlier: readonly string[]): Problem[] {
  const other = name.includes('*') ? earlier.find((pattern) => matches(pattern, name)) : undefined;
  if (other === undefined) return [];
  const message = `is never used: the alias ${other}, which is before it in the file, matches the same names`;
  return [{ level: 'warn', message, remedy: `Move it before ${other}.` }];
}

/** The models that one setting of an alias names: it works as long as one of them can be called. */
function checkNames(names: readonly string[], known: Known, setting?: string): Problem[] {
  const targets = names.flatMap((name) => targetOf(name, known) ?? []);
  const off = targets.filter(({ provider }) => provider.state === 'off');
  const level = names.length > off.length ? 'note' : 'warn';
  const problems = targets.flatMap((target): Problem[] => {
    const isOff = whyOff(target, 'change the alias');
    const notListed = whyNotListed(target, known);
    return [
      ...(isOff ? [{ level, ...isOff } as const] : []),
      ...(notListed ? [{ level: 'warn', ...notListed } as const] : []),
    ];
  });
  return problems.map((problem) =>
    setting === undefined ? problem : { ...problem, message: `${setting}: ${problem.message}` },
  );
}

/** The names of keys that a rule asks for. */
function checkKeys(patterns: readonly string[], { config }: Known, setting: string): Problem[] {
  const names = ['root', ...config.keys.map(({ name }) => name)];
  return patterns
    .filter((pattern) => !names.some((name) => matches(pattern, name)))
    .map((pattern) => {
      const [near] = nearest(pattern, names);
      const remedy = near === undefined ? `The keys are ${names.join(', ')}.` : `Did you mean ${near}?`;
      return { level: 'warn', message: `${setting}: no key has the name "${pattern}"`, remedy };
    });
}

function checkStrategy(alias: AliasSettings, known: Known): Problem[] {
  if (alias.strategy === 'nearest') return checkNearest(alias, known);
  if (alias.strategy !== 'least_cost') return [];
  return targetsOf(alias, known)
    .filter((target) => !target.model.includes('*') && !hasPrice(target, known))
    .map(({ name, model, provider }) => ({
      level: 'note',
      message: `the price of ${name} is not known, so \`least_cost\` calls it last`,
      remedy: `Add its prices: claws.${provider.id}.models, with id ${model}, input_price and output_price.`,
    }));
}

const hasPrice = (target: Target, known: Known): boolean =>
  factsOf(target, known)?.price !== undefined ||
  ownModels(target, known).some(({ inputPrice }) => inputPrice !== undefined);

function checkNearest(alias: AliasSettings, known: Known): Problem[] {
  const { region } = known.config;
  const otherwise = 'so `nearest` calls the model that connects the fastest';
  if (region === undefined) {
    const remedy = 'Set `region` (CLAWHOLD_REGION) to the region of the gateway, if regions should count.';
    return [{ level: 'note', message: `the gateway has no region, ${otherwise}`, remedy }];
  }
  const regions = [...alias.models.map((member) => member.region), ...regionsOf(targetsOf(alias, known))];
  if (regions.includes(region)) return [];
  const remedy = `Set \`claws.<name>.region: ${region}\` for the claws that are there.`;
  return [{ level: 'note', message: `no model is in the region "${region}", ${otherwise}`, remedy }];
}

const regionsOf = (targets: readonly Target[]) =>
  targets.flatMap(({ provider }) =>
    provider.state === 'on' ? provider.connections.map((connection) => connection.region) : [],
  );

function checkHedge(alias: AliasSettings, known: Known): Problem[] {
  const isHedged = alias.hedge || alias.hedgeAfterMs !== undefined;
  const [only] = alias.models;
  const target = alias.models.length === 1 ? targetOf(only!.model, known) : undefined;
  const hasOthers = target?.provider.state === 'on' && target.provider.connections.length > 1;
  if (!isHedged || alias.models.length > 1 || hasOthers) return [];
  const remedy = 'Add a model, or remove `hedge`.';
  return [{ level: 'note', message: '`hedge` has no effect: there is no second model', remedy }];
}

const targetsOf = (alias: AliasSettings, known: Known): Target[] =>
  modelsOf(alias).flatMap((name) => targetOf(name, known) ?? []);
