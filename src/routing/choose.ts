import { type Candidate, candidateName } from '../core/candidate.ts';
import type { Directory, Service } from '../core/directory.ts';
import { Fault, type FaultDetail } from '../core/errors.ts';
import { nearestModels } from '../core/nearest.ts';
import type { TurnPolicy } from '../core/policy.ts';
import type { ProtocolName } from '../core/prompt.ts';
import type { Tool } from '../core/settings.ts';
import type { Ask } from '../core/turn.ts';

/** The fields of an ask that decide which candidates can answer it. */
export type Choice = Pick<Ask, 'model' | 'fallbacks' | 'vocabulary' | 'settings'> & {
  policy: Pick<TurnPolicy, 'dropTools'>;
};

/** What the claw of a candidate can do (`Capabilities` in `claws/claw.ts`). */
export type CapabilitiesOf = (candidate: Candidate) => {
  choices: boolean;
  logprobs: boolean;
  lackedTools(tools: readonly Tool[], vocabulary: ProtocolName): number[];
};

/**
 * The candidates for a request, in order, never empty. Throws `model_not_found` with the nearest names,
 * `provider_not_configured` with the variable to set, or `unsupported_parameter` where no candidate
 * supports a setting.
 */
export function choose(choice: Choice, directory: Directory, capabilities: CapabilitiesOf): Candidate[] {
  const { model, fallbacks, vocabulary } = choice;
  const names = [model, ...fallbacks].flatMap((name) => directory.alias(name) ?? name);
  const candidates = findAny(names, vocabulary, directory);
  const lacks = (candidate: Candidate) => lackOf(choice, candidate, capabilities(candidate));
  const able = candidates.filter((candidate) => lacks(candidate) === undefined);
  if (able.length > 0) return able;
  const { what, remedy = '', ...named } = lacks(candidates[0]!)!;
  const message = `${candidateName(candidates[0]!)} does not support ${what}.${remedy}`;
  throw new Fault('unsupported_parameter', message, named);
}

/** What a candidate cannot do: the request's parameter, and its words in the error. */
interface Lack extends Pick<FaultDetail, 'param' | 'about'> {
  what: string;
  remedy?: string;
}

function lackOf(
  { settings, vocabulary, policy }: Choice,
  candidate: Candidate,
  able: ReturnType<CapabilitiesOf>,
): Lack | undefined {
  if (settings.n !== undefined && settings.n > 1 && !able.choices) return { param: 'n', what: '`n`' };
  if (settings.top_logprobs !== undefined && !able.logprobs)
    return { about: { setting: 'top_logprobs' }, what: 'log probabilities' };
  if (candidate.protocol !== vocabulary && isSpecial(settings.format?.type)) {
    return { about: { setting: 'format' }, what: `answers of the format "${settings.format!.type}"` };
  }
  if (policy.dropTools || !settings.tools) return undefined;
  const [lacked] = able.lackedTools(settings.tools, vocabulary);
  if (lacked === undefined) return undefined;
  const param = `tools[${lacked}]`;
  const what = `\`${param}\` (a tool of the type "${settings.tools[lacked]!.type}")`;
  return { param, what, remedy: DROP };
}

const DROP = ' The header `x-clawhold-drop-tools: true` leaves out tools that a model lacks.';

/** Whether a format of the answer is known to some providers only. */
const isSpecial = (format: string | undefined): boolean =>
  format !== undefined && format !== 'text' && format !== 'json_object' && format !== 'json_schema';

/** The candidates behind names, each once. A name that cannot be called now is skipped, unless none can. */
function findAny(names: readonly string[], vocabulary: ProtocolName, directory: Directory): Candidate[] {
  const found: Candidate[] = [];
  for (const name of names) {
    for (const next of find(name, vocabulary, directory)) if (!found.some(isSame(next))) found.push(next);
  }
  if (found.length === 0) throw notCallable(names[0]!, directory);
  return found;
}

const isSame = (one: Candidate) => (other: Candidate) =>
  one.provider === other.provider && one.protocol === other.protocol && one.model === other.model;

function find(name: string, vocabulary: ProtocolName, directory: Directory): Candidate[] {
  const service = serviceOf(name, directory);
  if (service) return service.ready ? [candidate(service, modelPart(name), vocabulary, directory)] : [];
  return directory
    .providersOf(name)
    .map((id) => candidate(directory.service(id)!, name, vocabulary, directory));
}

/** The provider of a `provider/model` name, where it may have the model. */
function serviceOf(name: string, directory: Directory): Service | undefined {
  const slash = name.indexOf('/');
  const service = slash > 0 ? directory.service(name.slice(0, slash)) : undefined;
  const model = modelPart(name);
  return service && model !== '' && (service.models?.has(model) ?? true) ? service : undefined;
}

const modelPart = (name: string): string => name.slice(name.indexOf('/') + 1);

function candidate(
  service: Service,
  model: string,
  vocabulary: ProtocolName,
  directory: Directory,
): Candidate {
  const { provider } = service;
  // A provider that speaks the caller's own vocabulary gets the request without a translation.
  const protocol = service.protocols.includes(vocabulary) ? vocabulary : service.protocols[0];
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
