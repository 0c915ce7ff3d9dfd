import type { Catalogue } from '../../claws/catalogue/catalogue.ts';
import type { FoundProvider, ProviderOff } from '../../claws/find-providers.ts';
import type { Config } from '../../config/config.ts';
import type { Finding } from './finding.ts';

/** Reports aliases of models that cannot be called now: the provider is off, or no list has the model. */
export function checkAliases(
  { aliases, claws }: Pick<Config, 'aliases' | 'claws'>,
  found: readonly FoundProvider[],
  catalogue: Catalogue,
): Finding[] {
  return Object.entries(aliases).flatMap(([alias, { models }]) => {
    const names = models.map(({ model }) => model).filter((name) => !name.includes('*'));
    const targets = names.flatMap((name) => targetOf(name, found));
    const isOff = ({ provider }: Target) => provider.state === 'off';
    // An alias works as long as one of its targets can be called.
    const level = names.length > targets.filter(isOff).length ? 'note' : 'warn';
    return targets.flatMap((target): Finding[] => {
      const { provider } = target;
      const problems = [
        ...(provider.state === 'off' ? [{ level, ...turnedOff(target.name, provider) } as const] : []),
        ...(isListed(target, claws, catalogue)
          ? []
          : [{ level: 'warn', ...notListed(target, catalogue) } as const]),
      ];
      return problems.map((problem) => ({ subject: `alias ${alias}`, ...problem }));
    });
  });
}

/** One model of an alias, at a provider of the catalogue or of the settings. */
interface Target {
  /** `provider/model`. */
  name: string;
  model: string;
  provider: FoundProvider;
}

/** Empty for the built-in provider, which always answers. */
function targetOf(name: string, found: readonly FoundProvider[]): Target[] {
  const slash = name.indexOf('/');
  const wanted = name.slice(0, slash);
  const provider = found.find(({ id, aliases }) => id === wanted || aliases.includes(wanted));
  return provider ? [{ name, model: name.slice(slash + 1), provider }] : [];
}

type Problem = Pick<Finding, 'message' | 'remedy'>;

function turnedOff(target: string, { name, reason, turnOnWith }: ProviderOff): Problem {
  const [why, remedy] = {
    no_key: ['has no key', `Set ${turnOnWith}`],
    not_running: ['is not running', `Start it, or set ${turnOnWith}`],
    disabled: ['is turned off', `Change ${turnOnWith}`],
  }[reason] as [string, string];
  return { message: `${target} cannot be called: ${name} ${why}`, remedy: `${remedy}, or change the alias.` };
}

/**
 * Also true where no list of models exists: at a provider that the operator defined, or a server on this
 * machine.
 */
function isListed(
  { provider: { id, aliases }, model }: Target,
  claws: Config['claws'],
  catalogue: Catalogue,
) {
  if (catalogue.models(id).length === 0 || catalogue.model(id, model)) return true;
  return [id, ...aliases].some((name) => claws[name]?.models.some((own) => own.id === model));
}

function notListed({ name, model, provider }: Target, catalogue: Catalogue): Problem {
  const { id } = provider;
  const models = catalogue.models(id).map((known) => known.id);
  const [near] = catalogue.nearest(model, models);
  const add = `add it to claws.${id}.models`;
  return {
    message: `${name} is not in the list of models of ${provider.name}`,
    remedy: near ? `Did you mean ${id}/${near}? If it is new, ${add}.` : `If it is new, ${add}.`,
  };
}
