import type { Directory, ModelLimits, Service } from '../core/directory.ts';
import type { Alias } from '../core/routing.ts';
import type { PicoDollars } from '../core/usage.ts';
import { embeddingFacts, embeddingModels } from './catalogue/embedding-models.ts';

/** The directory of claws, as the choice of an embedding model sees it: providers that embed, with their models. */
export class EmbeddingDirectory implements Directory {
  /** The choice keeps the members of an alias by its object, and they are others here. */
  readonly #aliases = new WeakMap<Alias, Alias>();

  constructor(
    private readonly claws: Pick<Directory, 'service' | 'limits' | 'alias'>,
    private readonly providers: () => Iterable<string>,
  ) {}

  service(provider: string): Service | undefined {
    const service = this.claws.service(provider);
    return service?.embeds && { ...service, models: service.embeds.models };
  }

  services(): Service[] {
    return [...this.providers()].flatMap((provider) => this.service(provider) ?? []);
  }

  limits(provider: string, model: string): ModelLimits {
    const known = this.claws.limits(provider, model);
    const facts = embeddingFacts(provider, model);
    const price = facts && { input: facts.price, output: 0 as PicoDollars };
    return { contextLimit: known.contextLimit ?? facts?.context, price: known.price ?? price };
  }

  providersOf(model: string): string[] {
    return this.ready().filter((provider) => embeddingFacts(provider, model));
  }

  alias(name: string): { alias: Alias; wildcard?: string } | undefined {
    const found = this.claws.alias(name);
    if (!found) return undefined;
    let alias = this.#aliases.get(found.alias);
    if (!alias) {
      alias = { ...found.alias };
      this.#aliases.set(found.alias, alias);
    }
    return { ...found, alias };
  }

  names(): string[] {
    return this.ready().flatMap((provider) => embeddingModels(provider).map(({ id }) => `${provider}/${id}`));
  }

  private ready(): string[] {
    return this.services()
      .filter(({ ready }) => ready)
      .map(({ provider }) => provider);
  }
}
