import type { Candidate } from './candidate.ts';
import type { ProtocolName } from './prompt.ts';
import type { Alias } from './routing.ts';

/** What routing knows of a provider. */
export interface Service {
  /** The first half of `provider/model`. */
  provider: string;
  /** The wire protocols that the provider offers, its usual one first. */
  protocols: readonly [ProtocolName, ...ProtocolName[]];
  /** False while the provider's key is missing or the provider is turned off; `turnOnWith` names what to set. */
  ready: boolean;
  turnOnWith?: string;
  /** Its only models; absent where it may have more models than are listed. */
  models?: ReadonlySet<string>;
  /** It has an API for embeddings; `models` are its only models there, as above. */
  embeds?: { models?: ReadonlySet<string> };
  /**
   * Its credentials and servers, in the order of the configuration, never empty while the provider is ready. A
   * provider without `claws.<name>.instances` has one, without a name.
   */
  instances: readonly Instance[];
  /** Where the provider is, if the operator says it. */
  region?: string;
  /** Whether the provider may store requests or train on them: `false` only where the operator excludes both. */
  collectsData: boolean;
  /** How long the provider's prompt cache probably keeps a prompt, in milliseconds. */
  cacheMs: number;
}

/** One credential or server of a provider. */
export interface Instance {
  /** `Candidate.instance` for it. */
  name?: string;
  /** Its share of the calls, relative to the provider's other instances. */
  weight: number;
  /** Its own region, or that of the provider. */
  region?: string;
}

/** What is known about a model at a provider. */
export type ModelLimits = Pick<
  Candidate,
  'contextLimit' | 'outputLimit' | 'price' | 'reasons' | 'inputs' | 'tools' | 'structured'
>;

/** What can be called here. */
export interface Directory {
  /** By id or by an alias of the provider. */
  service(provider: string): Service | undefined;
  /** All providers, on or off. */
  services(): readonly Service[];
  limits(provider: string, model: string): ModelLimits;
  /** Ready providers that offer a model of this bare name, the maker first. */
  providersOf(model: string): readonly string[];
  /**
   * The alias of this name, or the first one whose pattern matches it, with the text that its `*` stands for. When
   * anything in the directory has changed, `alias` is another object: what was made of the earlier one is old.
   */
  alias(name: string): { alias: Alias; wildcard?: string } | undefined;
  /** Everything that can be called now: aliases and `provider/model`. */
  names(): string[];
}
