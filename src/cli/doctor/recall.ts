import { embeddingFacts, embeddingModels } from '../../claws/catalogue/embedding-models.ts';
import { nearest } from '../../core/nearest.ts';
import { matches } from '../../core/routing.ts';
import type { Finding } from './finding.ts';
import { type Known, ownModels, type Problem, targetOf, whyOff } from './targets.ts';

const SUBJECT = 'context.embeddings';

/** Reports an embedding model for recall that cannot be called: recall would go on with words alone. */
export function checkRecall(known: Known): Finding[] {
  const name = known.config.context.embeddings;
  if (name === undefined) return [];
  const problem = problemOf(name, known);
  return [{ subject: SUBJECT, ...(problem ?? { level: 'ok', message: `${name} embeds for recall` }) }];
}

function problemOf(name: string, known: Known): Problem | undefined {
  if (name === 'local/gloss' || isAlias(name, known)) return undefined;
  const target = targetOf(name, known);
  if (!target) return isKnownModel(name, known) ? undefined : unknown(name, known);
  const off = whyOff(target, 'change the setting');
  if (off) return { level: 'warn', ...off };
  const { provider, model } = target;
  if (provider.protocols.every((protocol) => protocol === 'anthropic')) {
    const message = `${name} cannot be called: ${provider.name} has no API for embeddings`;
    return { level: 'warn', message, remedy: 'Choose a model of another provider, or local/gloss.' };
  }
  const models = embeddingModels(provider.id);
  const isListed = embeddingFacts(provider.id, model) || ownModels(target, known).length > 0;
  if (models.length === 0 || isListed) return undefined;
  const [near] = nearest(
    model,
    models.map(({ id }) => id),
  );
  const remedy = near
    ? `Did you mean ${provider.id}/${near}?`
    : `The models are ${models.map(({ id }) => id).join(', ')}.`;
  return {
    level: 'warn',
    message: `${name} is not among the known embedding models of ${provider.name}`,
    remedy,
  };
}

const isAlias = (name: string, { config }: Known): boolean =>
  Object.keys(config.aliases).some((alias) => matches(alias, name));

const isKnownModel = (name: string, { found }: Known): boolean =>
  found.some(({ id, state }) => state === 'on' && embeddingFacts(id, name));

function unknown(name: string, { found }: Known): Problem {
  const all = found.flatMap(({ id }) => embeddingModels(id).map((model) => `${id}/${model.id}`));
  const [near] = nearest(name, [...all, 'local/gloss']);
  const remedy = near ? `Did you mean ${near}?` : 'Name a model as `provider/model`, or an alias.';
  return { level: 'warn', message: `${name} is no alias, and no model of a known provider`, remedy };
}
