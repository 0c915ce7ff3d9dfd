import { Fault } from '../core/errors.ts';
import { nearestModels } from '../core/nearest.ts';
import type { ProtocolName } from '../core/prompt.ts';
import type { Settings } from '../core/settings.ts';
import type { Dialect } from '../core/turn.ts';
import type { Price } from '../core/usage.ts';
import { type Candidate, candidateName } from './candidate.ts';

/** What routing knows of a provider. */
export interface Service {
  /** The first half of `provider/model`. */
  provider: string;
  /** The wire protocols it offers, its usual one first. */
  protocols: readonly [ProtocolName, ...ProtocolName[]];
  /** False while its key is missing or it is turned off; `turnOnWith` names what to set. */
  ready: boolean;
  turnOnWith?: string;
  /** Its only models; absent where it may have more than we know of. */
  models?: ReadonlySet<string>;
}

export interface ModelLimits {
  contextLimit?: number;
  outputLimit?: number;
  price?: Price;
}

/** What can be called here. */
export interface Directory {
  /** By id or by an alias of the provider. */
  service(provider: string): Service | undefined;
  limits(provider: string, model: string): ModelLimits;
  /** Ready providers that offer a model of this bare name, the maker first. */
  providersOf(model: string): readonly string[];
  /** The names behind a configured alias, in order. */
  alias(name: string): readonly string[] | undefined;
  /** Everything that can be called now: aliases and `provider/model`. */
  names(): string[];
}

export interface Wanted {
  model: string;
  /** Names to be tried after `model`, in this order. */
  fallbacks: readonly string[];
  dialect: Dialect;
  settings: Settings;
}

/** What a claw of some candidates cannot do (`Capabilities`). */
export type CapabilitiesOf = (candidate: Candidate) => { choices: boolean; logprobs: boolean };

/**
 * The candidates for a request, in order, never empty. Throws `model_not_found` with the nearest names,
 * `provider_not_configured` with the variable to set, or `unsupported_parameter` where no candidate can
 * do what is asked.
 */
export function choose(wanted: Wanted, directory: Directory, capabilities: CapabilitiesOf): Candidate[] {
  const names = [wanted.model, ...wanted.fallbacks].flatMap((name) => directory.alias(name) ?? name);
  const candidates = findAny(names, wanted.dialect, directory);
  const able = candidates.filter(
    (candidate) => lacking(wanted.settings, capabilities(candidate)) === undefined,
  );
  if (able.length > 0) return able;
  const param = lacking(wanted.settings, capabilities(candidates[0]!))!;
  throw new Fault(
    'unsupported_parameter',
    `${candidateName(candidates[0]!)} does not support \`${param}\`.`,
    { param },
  );
}

function lacking(settings: Settings, able: { choices: boolean; logprobs: boolean }): string | undefined {
  if (settings.n !== undefined && settings.n > 1 && !able.choices) return 'n';
  if (settings.top_logprobs !== undefined && !able.logprobs) return 'logprobs';
  return undefined;
}

/** The candidates behind names, each once: a name that cannot be called now is passed over, unless none can. */
function findAny(names: readonly string[], dialect: Dialect, directory: Directory): Candidate[] {
  const found: Candidate[] = [];
  for (const name of names) {
    for (const next of find(name, dialect, directory)) if (!found.some(isSame(next))) found.push(next);
  }
  if (found.length === 0) throw notCallable(names[0]!, directory);
  return found;
}

const isSame = (one: Candidate) => (other: Candidate) =>
  one.provider === other.provider && one.protocol === other.protocol && one.model === other.model;

function find(name: string, dialect: Dialect, directory: Directory): Candidate[] {
  const service = serviceOf(name, directory);
  if (service) return service.ready ? [candidate(service, modelPart(name), dialect, directory)] : [];
  return directory.providersOf(name).map((id) => candidate(directory.service(id)!, name, dialect, directory));
}

/** The provider that the first half of a name names, where it may have the second. */
function serviceOf(name: string, directory: Directory): Service | undefined {
  const slash = name.indexOf('/');
  const service = slash > 0 ? directory.service(name.slice(0, slash)) : undefined;
  const model = modelPart(name);
  return service && model !== '' && (service.models?.has(model) ?? true) ? service : undefined;
}

const modelPart = (name: string): string => name.slice(name.indexOf('/') + 1);

function candidate(service: Service, model: string, dialect: Dialect, directory: Directory): Candidate {
  const { provider } = service;
  // A provider that speaks the caller's own dialect gets the request without a translation.
  const own = dialect === 'chat' ? 'openai-chat' : 'openai-responses';
  const protocol = service.protocols.includes(own) ? own : service.protocols[0];
  return { provider, protocol, model, ...directory.limits(provider, model) };
}

function notCallable(name: string, directory: Directory): Fault {
  const service = serviceOf(name, directory);
  if (!service) return unknownModel(name, directory);
  const remedy = service.turnOnWith ? `set ${service.turnOnWith}` : 'configure it';
  return new Fault(
    'provider_not_configured',
    `The provider "${service.provider}" is known but not turned on here: ${remedy}.`,
    { param: 'model' },
  );
}

function unknownModel(name: string, directory: Directory): Fault {
  const near = nearestModels(name, directory.names());
  const hint = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
  return new Fault('model_not_found', `The model "${name}" does not exist here.${hint}`, { param: 'model' });
}
