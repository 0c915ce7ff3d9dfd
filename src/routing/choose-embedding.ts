import type { Candidate } from '../core/candidate.ts';
import type { Directory } from '../core/directory.ts';
import { Fault } from '../core/errors.ts';
import type { Asker } from './choose.ts';
import { faultOfLack, type Lack, lackOf } from './filters.ts';
import type { MoneyBudget } from './money-budget.ts';
import { resolve } from './resolve.ts';

/** A request for embeddings, as the choice of its candidates sees it. */
export interface EmbeddingChoice {
  /** `provider/model`, a known model, or an alias. */
  model: string;
  /** The caller's own id of its end user. */
  user?: string;
}

/** What the choice depends on beside the request. */
export interface EmbeddingChoiceParts {
  /** `ClawDirectory.embeddings`. */
  directory: Directory;
  /** All providers. */
  claws: Pick<Directory, 'service'>;
  budget: MoneyBudget;
}

/**
 * The candidates that may embed, all with one model: vectors of different models cannot be compared. An alias stands
 * for the first of its models that can be called. Throws as `choose` does where there is none.
 */
export function chooseEmbedding(
  { model, user }: EmbeddingChoice,
  { tenant, key, rules }: Asker,
  { directory, claws, budget }: EmbeddingChoiceParts,
): Candidate[] {
  expectEmbeddings(model, claws, directory);
  const named = {
    ...{
      model,
      fallbacks: [],
      metadata: {},
      settings: user === undefined ? {} : { safety_identifier: user },
    },
    ...{ dialect: 'embeddings', vocabulary: 'openai-chat' as const },
  };
  const { groups } = resolve(named, key, directory);
  const members = groups.flatMap((group) => group.members).sort((a, b) => a.order - b.order);
  const wanted = {
    ...{ vocabulary: named.vocabulary, settings: {}, extra: {}, input: [], policy: {}, rules },
    hasMoney: budget.hasMoney(tenant, key),
  };
  let first: { candidate: Candidate; lack: Lack } | undefined;
  const able = members.filter(({ candidate }) => {
    const lack = lackOf(wanted, candidate, EMBEDS, [model], (name) => name);
    if (lack) first ??= { candidate, lack };
    return !lack;
  });
  if (able.length === 0) throw faultOfLack(first!.candidate, first!.lack);
  const chosen = able[0]!.candidate.model;
  return able.map(({ candidate }) => candidate).filter((candidate) => candidate.model === chosen);
}

/** What a turn may need and embeddings do not. */
const EMBEDS = {
  ...{ choices: true, logprobs: true, refuses: [] },
  lackedTools: () => [],
  lackedSettings: () => [],
};

/** Without it, a provider would be said not to exist. */
function expectEmbeddings(model: string, claws: EmbeddingChoiceParts['claws'], directory: Directory): void {
  const provider = model.includes('/') ? model.slice(0, model.indexOf('/')) : undefined;
  if (provider === undefined || !claws.service(provider) || directory.service(provider)) return;
  const message = `The provider "${provider}" has no API for embeddings.`;
  throw new Fault('model_not_found', message, { param: 'model' });
}
