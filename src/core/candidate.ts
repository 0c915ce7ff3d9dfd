import type { ProtocolName } from './prompt.ts';
import type { Price } from './usage.ts';

/** A provider, protocol and model that could serve a turn. */
export interface Candidate {
  provider: string;
  protocol: ProtocolName;
  /** The model's name at the provider. */
  model: string;
  /** The credential or server, where the provider has several (`claws.<name>.instances`). */
  instance?: string;
  /** Tokens of prompt and answer together, where known. */
  contextLimit?: number;
  /** The most tokens that the model can generate, where known. */
  outputLimit?: number;
  price?: Price;
  /** The model can reason before it answers, where known. */
  reasons?: boolean;
  /** What the model accepts as input beside text, where known. */
  inputs?: readonly string[];
  /** The model can call functions, where known. */
  tools?: boolean;
  /** The model can answer with JSON that fits a schema, where known. */
  structured?: boolean;
  /** Where the provider runs the model, as the configuration says. */
  region?: string;
  /** The provider may keep the data of requests, or train on it. */
  collectsData?: boolean;
  /** A fixed answer: no provider is asked. */
  answer?: string;
  /** Its `candidateKey`, where the candidate serves many turns: the key is not made again and again. */
  key?: string;
}

/** What callers see: `provider/model`. */
export const candidateName = ({
  key,
  provider,
  model,
  instance,
}: Pick<Candidate, 'provider' | 'model' | 'instance' | 'key'>): string =>
  key !== undefined && instance === undefined ? key : `${provider}/${model}`;

/** A candidate in logs, health reports and metrics: `provider/model`, and `@instance` where there are several. */
export const candidateKey = ({ key, provider, model, instance }: Candidate): string =>
  key ?? (instance === undefined ? `${provider}/${model}` : `${provider}/${model}@${instance}`);
