import { type Candidate, candidateKey } from '../core/candidate.ts';
import type { Directory, Service } from '../core/directory.ts';
import { Fault } from '../core/errors.ts';
import { nearestModels } from '../core/nearest.ts';
import type { ProtocolName } from '../core/prompt.ts';
import { type Alias, type Matches, matches, type Strategy } from '../core/routing.ts';
import type { Ask } from '../core/turn.ts';

/** From the names of a request to candidates: aliases, their rules, bare names, instances. */

/** The fields of an ask by which names and rules are resolved. */
export type Named = Pick<
  Ask,
  'model' | 'fallbacks' | 'vocabulary' | 'dialect' | 'metadata' | 'settings' | 'routing'
>;

/** A candidate among others of its name. */
export interface GroupMember {
  candidate: Candidate;
  /** Its share of the calls, beside the other members. */
  weight: number;
  /** Members with a lower number are asked first, where the strategy says nothing else. */
  order: number;
  /** Of the candidate's key, where the member serves many turns. */
  hash?: number;
}

/** The candidates behind one name of a request. */
export interface Group {
  /** As the caller wrote it. */
  name: string;
  strategy: Strategy;
  members: readonly GroupMember[];
}

/** What the names of a request stand for. Nothing is ordered or filtered yet. */
export interface Resolved {
  /** `model`, as the caller wrote it. */
  name: string;
  /** Never empty; the first one is the group of `model`, if it can be called. */
  groups: readonly Group[];
  /** The alias that `model` stands for, after its rules: the last one on the way to its models. */
  alias?: Alias;
  /** The groups of `Alias.tooLong` and `Alias.refused`. */
  tooLong: readonly Group[];
  refused: readonly Group[];
  lastResort?: Candidate;
}

/**
 * A name that cannot be called now is skipped. Throws `model_not_found` with the nearest names, or
 * `provider_not_configured` with the variable to set, where none can be called. `key` is the name of the caller's
 * key, which rules may ask for.
 */
export function resolve(named: Named, key: string, directory: Directory): Resolved {
  const facts = { named, key, directory };
  const asked = groupOf(named.model, facts);
  const fallbacks = named.fallbacks.map((name) => groupOf(name, facts).group);
  const groups = withoutRepeats([asked.group, ...fallbacks]);
  if (groups.length === 0) throw notCallable(asked.missing, directory);
  const { alias, wildcard = '' } = asked;
  const others = (names: readonly string[]) =>
    withoutRepeats(names.map((name) => groupOf(name.replaceAll('*', wildcard), facts).group));
  return {
    name: named.model,
    groups,
    alias,
    tooLong: alias ? others(alias.tooLong) : [],
    refused: alias ? others(alias.refused) : [],
    lastResort: alias?.lastResort && lastResortOf(alias.lastResort, wildcard, facts),
  };
}

interface ResolveFacts {
  named: Named;
  key: string;
  directory: Directory;
}

interface FoundGroup {
  group: Group;
  alias?: Alias;
  /** The text that the `*` of the alias stands for. */
  wildcard?: string;
  /** The name to report where the group is empty. */
  missing: string;
}

/** Rules may lead from alias to alias; a circle of them ends here. */
const MOST_RULES = 8;

function groupOf(name: string, facts: ResolveFacts, depth = 0, asked = name): FoundGroup {
  const { named, directory } = facts;
  const found = directory.alias(name);
  if (!found) {
    const members = membersOf(name, 1, 0, named.vocabulary, directory);
    return { group: { name: asked, strategy: 'ordered', members }, missing: name };
  }
  const { alias, wildcard = '' } = found;
  const rule = depth < MOST_RULES ? alias.rules.find(({ when }) => holds(when, facts)) : undefined;
  if (rule) {
    const led = groupOf(rule.use.replaceAll('*', wildcard), facts, depth + 1, asked);
    // A model has no chains and limits of its own: those of the alias that leads to it hold.
    return led.alias ? led : { ...led, alias, wildcard };
  }
  const members = membersOfAlias(alias, found.wildcard, facts);
  const missing = alias.members[0]!.model.replaceAll('*', wildcard);
  return { group: { name: asked, strategy: alias.strategy, members }, alias, wildcard, missing };
}

/** The members of aliases without a `*`, by the vocabulary of the caller. */
const membersOfAliases = new WeakMap<Alias, Map<ProtocolName, readonly GroupMember[]>>();

/** The members of an alias, each candidate once. They are made once for as long as the directory does not change. */
function membersOfAlias(
  alias: Alias,
  wildcard: string | undefined,
  facts: ResolveFacts,
): readonly GroupMember[] {
  if (wildcard !== undefined) return newMembersOf(alias, wildcard, facts);
  const { vocabulary } = facts.named;
  let known = membersOfAliases.get(alias);
  if (!known) {
    known = new Map();
    membersOfAliases.set(alias, known);
  }
  let members = known.get(vocabulary);
  if (!members) {
    members = newMembersOf(alias, '', facts).map(lasting);
    known.set(vocabulary, members);
  }
  return members;
}

/** A member for many turns, with what would be computed for each of them. */
const lasting = (member: GroupMember): GroupMember => ({
  ...member,
  hash: Bun.hash.xxHash32(candidateKey(member.candidate)),
});

function newMembersOf(
  alias: Alias,
  wildcard: string,
  { named, directory }: ResolveFacts,
): readonly GroupMember[] {
  const members = alias.members.flatMap(({ model, weight, order, region }) =>
    membersOf(model.replaceAll('*', wildcard), weight, order, named.vocabulary, directory, region),
  );
  return uniqueMembers(members, new Set());
}

/** Whether the request has one of the values that each condition names. */
function holds(when: Matches, facts: ResolveFacts): boolean {
  for (const field in when) {
    const value = requested(field, facts);
    if (value === undefined || !when[field]!.some((pattern) => matches(pattern, value))) return false;
  }
  return true;
}

/** The fields that rules know: `key`, `user`, `dialect`, `model`, `header.<name>`, `metadata.<name>`. */
function requested(field: string, { named, key }: ResolveFacts): string | undefined {
  switch (field) {
    case 'key':
      return key;
    case 'user':
      return named.settings.safety_identifier;
    case 'dialect':
      return named.dialect;
    case 'model':
      return named.model;
  }
  const dot = field.indexOf('.');
  const table = field.slice(0, dot) === 'header' ? named.routing?.headers : named.metadata;
  const name = field.slice(dot + 1);
  return table && Object.hasOwn(table, name) ? table[name] : undefined;
}

function lastResortOf(
  wanted: NonNullable<Alias['lastResort']>,
  wildcard: string,
  { named, directory }: ResolveFacts,
): Candidate | undefined {
  if ('answer' in wanted)
    return { provider: 'local', protocol: 'local', model: 'fixed-answer', answer: wanted.answer };
  const model = wanted.model.replaceAll('*', wildcard);
  return membersOf(model, 1, 0, named.vocabulary, directory)[0]?.candidate;
}

/** The groups that are not empty, each candidate once. The members of one group differ from each other. */
function withoutRepeats(groups: readonly Group[]): readonly Group[] {
  const filled = groups.filter(({ members }) => members.length > 0);
  if (filled.length < 2) return filled;
  const seen = new Set<string>();
  return filled
    .map((group) => ({ ...group, members: uniqueMembers(group.members, seen) }))
    .filter(({ members }) => members.length > 0);
}

/** Those members whose candidates are not among `seen`; adds them to it. */
function uniqueMembers(members: readonly GroupMember[], seen: Set<string>): GroupMember[] {
  return members.filter(({ candidate }) => {
    const key = `${candidate.protocol} ${candidateKey(candidate)}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** The candidates of `provider/model` or of a bare name: one for each instance of each provider. */
function membersOf(
  name: string,
  weight: number,
  order: number,
  vocabulary: ProtocolName,
  directory: Directory,
  region?: string,
): GroupMember[] {
  const service = serviceOf(name, directory);
  if (service) {
    return service.ready
      ? instancesOf(service, modelPart(name), { weight, order, region }, vocabulary, directory)
      : [];
  }
  return directory.providersOf(name).flatMap((id, index) => {
    const offering = directory.service(id)!;
    return instancesOf(
      offering,
      name,
      { weight, order: order + index / 1000, region },
      vocabulary,
      directory,
    );
  });
}

function instancesOf(
  service: Service,
  model: string,
  { weight, order, region }: Pick<GroupMember, 'weight' | 'order'> & { region?: string },
  vocabulary: ProtocolName,
  directory: Directory,
): GroupMember[] {
  const { provider, protocols, instances, collectsData } = service;
  // A provider that speaks the caller's own vocabulary gets the request without a translation.
  const protocol = protocols.includes(vocabulary) ? vocabulary : protocols[0];
  const limits = directory.limits(provider, model);
  const total = instances.reduce((sum, instance) => sum + instance.weight, 0);
  return instances.map(({ name: instance, weight: share, region: at = service.region }) => ({
    candidate: {
      ...limits,
      provider,
      protocol,
      model,
      instance,
      collectsData,
      region: region ?? at,
      key: candidateKey({ provider, protocol, model, instance }),
    },
    weight: (weight * share) / total,
    order,
  }));
}

/** The provider of a `provider/model` name, where it may have the model. */
function serviceOf(name: string, directory: Directory): Service | undefined {
  const slash = name.indexOf('/');
  const service = slash > 0 ? directory.service(name.slice(0, slash)) : undefined;
  const model = modelPart(name);
  return service && model !== '' && (service.models?.has(model) ?? true) ? service : undefined;
}

const modelPart = (name: string): string => name.slice(name.indexOf('/') + 1);

function notCallable(name: string, directory: Directory): Fault {
  const service = serviceOf(name, directory);
  return service ? notTurnedOn(service, 'model') : unknownModel(name, directory);
}

/** `param`: what names the provider in the request. */
export function notTurnedOn({ provider, turnOnWith }: Service, param?: string): Fault {
  const remedy = turnOnWith ? `set ${turnOnWith}` : 'configure it';
  const message = `The provider "${provider}" is known but not turned on here: ${remedy}.`;
  return new Fault('provider_not_configured', message, { param });
}

function unknownModel(name: string, directory: Directory): Fault {
  const near = nearestModels(name, directory.names());
  const hint = near.length > 0 ? ` Did you mean ${near.join(', ')}?` : '';
  return new Fault('model_not_found', `The model "${name}" does not exist here.${hint}`, { param: 'model' });
}
