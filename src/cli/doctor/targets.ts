import type { Catalogue, ModelFacts } from '../../claws/catalogue/catalogue.ts';
import type { FoundProvider, ProviderOff } from '../../claws/find-providers.ts';
import type { Config } from '../../config/config.ts';
import { matches } from '../../core/routing.ts';
import type { Finding } from './finding.ts';

/** What the names of models in the settings stand for. */

/** What the checks of names need. */
export interface Known {
  config: Pick<Config, 'aliases' | 'claws' | 'context' | 'keys' | 'rateLimits' | 'region'>;
  /** Every provider, on or off. */
  found: readonly FoundProvider[];
  catalogue: Catalogue;
}

/** A finding whose subject is clear. */
export type Problem = Omit<Finding, 'subject'>;

/** One model of a setting, at a provider of the catalogue or of the settings. */
export interface Target {
  /** `provider/model`. */
  name: string;
  /** It may have a `*`. */
  model: string;
  provider: FoundProvider;
}

/** Absent for aliases, and for the built-in provider, which always answers. */
export function targetOf(name: string, { found }: Known): Target | undefined {
  const slash = name.indexOf('/');
  const wanted = name.slice(0, slash);
  const provider = found.find(({ id, aliases }) => id === wanted || aliases.includes(wanted));
  return provider && { name, model: name.slice(slash + 1), provider };
}

/** Why a model cannot be called now; `change` completes the remedy: `change the alias`. */
export function whyOff({ name, provider }: Target, change: string): Omit<Problem, 'level'> | undefined {
  if (provider.state === 'on') return undefined;
  const [why, remedy] = OFF[provider.reason](provider.turnOnWith);
  return { message: `${name} cannot be called: ${provider.name} ${why}`, remedy: `${remedy}, or ${change}.` };
}

const OFF: Record<ProviderOff['reason'], (turnOnWith: string) => [string, string]> = {
  no_key: (turnOnWith) => ['has no key', `Set ${turnOnWith}`],
  not_running: (turnOnWith) => ['is not running', `Start it, or set ${turnOnWith}`],
  disabled: (turnOnWith) => ['is turned off', `Change ${turnOnWith}`],
};

/**
 * Undefined also where no list of models exists: at a provider that the operator defined, or a server on this
 * machine.
 */
export function whyNotListed(target: Target, known: Known): Omit<Problem, 'level'> | undefined {
  const { catalogue } = known;
  const { name, model, provider } = target;
  const { id } = provider;
  const models = catalogue.models(id).map((listed) => listed.id);
  if (models.length === 0 || factsOf(target, known) || ownModels(target, known).length > 0) return undefined;
  if (model.includes('*')) {
    if (models.some((listed) => matches(model, listed))) return undefined;
    return { message: `${name} matches no known model of ${provider.name}`, remedy: 'Correct the name.' };
  }
  const [near] = catalogue.nearest(model, models);
  const add = `add it to claws.${id}.models`;
  return {
    message: `${name} is not in the list of models of ${provider.name}`,
    remedy: near ? `Did you mean ${id}/${near}? If it is new, ${add}.` : `If it is new, ${add}.`,
  };
}

/** What the catalogue knows about a model. */
export const factsOf = ({ provider, model }: Target, { catalogue }: Known): ModelFacts | undefined =>
  catalogue.model(provider.id, model);

/** The models of the settings that a target stands for. */
export const ownModels = ({ provider: { id, aliases }, model }: Target, { config }: Known) =>
  [id, ...aliases]
    .flatMap((name) => config.claws[name]?.models ?? [])
    .filter((own) => matches(model, own.id));
