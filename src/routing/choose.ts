import type { Candidate } from '../core/candidate.ts';
import type { Directory } from '../core/directory.ts';
import { Fault } from '../core/errors.ts';
import type { Tenant } from '../core/request.ts';
import type { KeyRules } from '../core/routing.ts';
import { type Able, faultOfLack, isWeak, type Lack, lackedByRules, lackOf, type Wanted } from './filters.ts';
import type { MoneyBudget } from './money-budget.ts';
import { type Group, type Named, type Resolved, resolve } from './resolve.ts';

/** Everything of an ask that decides which candidates can answer it. */
export type Choice = Named & Omit<Wanted, 'rules'>;

/** The key of the caller. */
export interface Asker {
  tenant: Tenant;
  /** Its name. */
  key: string;
  rules?: KeyRules;
}

/** What the claw of a candidate can do. */
export type CapabilitiesOf = (candidate: Candidate) => Able;

/** What the choice depends on beside the request. */
export interface ChoiceParts {
  directory: Directory;
  capabilities: CapabilitiesOf;
  budget: MoneyBudget;
}

/** The candidates that can answer a request and may. `order` puts them in order once the prompt is known. */
export type Chosen = Resolved;

/**
 * The candidates for a request; `groups` is never empty. Throws as `resolve` does, or the reason why the first
 * candidate cannot answer, where none can.
 */
export function choose(
  choice: Choice,
  { tenant, key, rules }: Asker,
  { directory, capabilities, budget }: ChoiceParts,
): Chosen {
  const resolved = resolve(choice, key, directory);
  const hasMoney = budget.hasMoney(tenant, key);
  const wanted: Wanted = rules || !hasMoney ? { ...choice, rules, hasMoney } : choice;
  const providerId = (name: string) => directory.service(name.toLowerCase())?.provider ?? name;
  const lack = (candidate: Candidate, names: readonly string[]) =>
    lackOf(wanted, candidate, capabilities(candidate), names, providerId);
  let first: { candidate: Candidate; lack: Lack } | undefined;
  const filtered = (groups: readonly Group[], ...asked: string[]) => {
    const left: Group[] = [];
    for (const group of groups) {
      const names = [group.name, ...asked];
      const able = group.members.filter(({ candidate }) => {
        const lacked = lack(candidate, names);
        if (lacked) first ??= { candidate, lack: lacked };
        return !lacked;
      });
      const isWhole = able.length === group.members.length;
      if (able.length > 0) left.push(strongest(isWhole ? group : { ...group, members: able }, wanted));
    }
    return left;
  };
  const groups = filtered(resolved.groups);
  if (groups.length === 0) throw faultOfLack(first!.candidate, first!.lack);
  const { name, alias, lastResort } = resolved;
  const isUsable = lastResort && (lastResort.answer !== undefined || !lack(lastResort, [name]));
  return {
    name,
    groups,
    alias,
    // A key that may use a name may use its chains, too.
    tooLong: filtered(resolved.tooLong, name),
    refused: filtered(resolved.refused, name),
    lastResort: isUsable ? lastResort : undefined,
  };
}

/** Without the models that probably lack something, where others have it. */
function strongest(group: Group, wanted: Wanted): Group {
  const { members } = group;
  if (members.length === 1 || !members.some(({ candidate }) => isWeak(wanted, candidate))) return group;
  const strong = members.filter(({ candidate }) => !isWeak(wanted, candidate));
  return strong.length > 0 ? { ...group, members: strong } : group;
}

/** Every candidate that may get the conversation, in no order. A last resort need not fit it. */
export function candidatesOf({ groups, tooLong, refused }: Chosen): Candidate[] {
  const all = tooLong.length + refused.length === 0 ? groups : [...groups, ...tooLong, ...refused];
  return all.flatMap(({ members }) => members.map(({ candidate }) => candidate));
}

/** The names that a key may use, of all that can be called now. Rules of aliases that read a request do not apply. */
export function usableNames(asker: Asker, directory: Directory): string[] {
  const names = directory.names();
  return asker.rules ? names.filter((model) => isUsable(model, asker, directory)) : names;
}

/** Whether a model of this name can be called now, and the key may use it. */
export function isUsable(model: string, { key, rules }: Asker, directory: Directory): boolean {
  return candidatesNamed(model, key, directory).some(
    (candidate) => !rules || !lackedByRules(rules, candidate, [model]),
  );
}

/** None where the name is an alias of models that cannot be called now. */
function candidatesNamed(model: string, key: string, directory: Directory): Candidate[] {
  try {
    const { groups } = resolve({ ...NOTHING_ELSE, model }, key, directory);
    return groups.flatMap(({ members }) => members.map(({ candidate }) => candidate));
  } catch (failure) {
    if (failure instanceof Fault) return [];
    throw failure;
  }
}

const NOTHING_ELSE: Omit<Named, 'model'> = {
  ...{ fallbacks: [], metadata: {}, settings: {} },
  ...{ dialect: 'chat', vocabulary: 'openai-chat' },
};
