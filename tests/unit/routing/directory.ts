import type { Candidate } from '../../../src/core/candidate.ts';
import type { Directory, ModelLimits, Service } from '../../../src/core/directory.ts';
import { type Alias, captureOf } from '../../../src/core/routing.ts';
import type { CapabilitiesOf, Choice } from '../../../src/routing/choose.ts';
import type { Able } from '../../../src/routing/filters.ts';
import type { Group, GroupMember } from '../../../src/routing/resolve.ts';
import type { Facts, HealthView } from '../../../src/routing/strategies.ts';

/** A small directory, and what strategies ask about its candidates. */

export interface Known {
  /** What differs from a provider of chat completions that is ready and has one connection. */
  services: Record<string, Partial<Service>>;
  /** In the order of the configuration. */
  aliases?: Record<
    string,
    Partial<Alias> & { models: readonly (string | Partial<Alias['members'][number]>)[] }
  >;
  models?: Record<string, ModelLimits>;
  /** The providers of bare names. */
  makers?: Record<string, string[]>;
}

export function directoryOf({ services, aliases = {}, models = {}, makers = {} }: Known): Directory {
  const all = Object.entries(aliases).map(([name, alias]) => aliasOf(name, alias));
  return {
    service(name) {
      const found = services[name] && {
        ...{ provider: name, protocols: ['openai-chat'], ready: true, collectsData: true, cacheMs: 300_000 },
        ...{ instances: [{ weight: 1 }] },
        ...services[name],
      };
      return found as Service | undefined;
    },
    limits: (provider, model) => models[`${provider}/${model}`] ?? {},
    services: () => [],
    providersOf: (model) => makers[model] ?? [],
    alias(name) {
      const exact = all.find((alias) => alias.name === name);
      if (exact) return { alias: exact };
      for (const alias of all) {
        const wildcard = alias.name.includes('*') ? captureOf(alias.name, name) : undefined;
        if (wildcard !== undefined) return { alias, wildcard };
      }
      return undefined;
    },
    names: () => Object.keys(aliases),
  };
}

function aliasOf(name: string, { models, ...alias }: NonNullable<Known['aliases']>[string]): Alias {
  const members = models.map((member, order) => ({
    ...{ weight: 1, order },
    ...(typeof member === 'string' ? { model: member } : { model: '', ...member }),
  }));
  return { strategy: 'ordered', rules: [], tooLong: [], refused: [], ...alias, name, members };
}

export const EVERYTHING: Able = {
  ...{ choices: true, logprobs: true, refuses: [] },
  ...{ lackedTools: () => [], lackedSettings: () => [] },
};
export const ABLE: CapabilitiesOf = () => EVERYTHING;

export const asks = (choice: Partial<Choice>): Choice => ({
  ...{ model: 'x', fallbacks: [], dialect: 'chat', vocabulary: 'openai-chat', metadata: {} },
  ...{ extra: {}, input: [], policy: {}, settings: {} },
  ...choice,
});

export const memberOf = (provider: string, member: Partial<GroupMember & Candidate> = {}): GroupMember => {
  const { weight = 1, order = 0, ...candidate } = member;
  return { candidate: { provider, protocol: 'openai-chat', model: 'm', ...candidate }, weight, order };
};

export const groupOf = (members: readonly GroupMember[], strategy: Group['strategy'] = 'ordered'): Group => ({
  ...{ name: 'team', strategy, members },
});

export type TestFacts = Omit<Facts, 'healthOf'> & { healthOf(candidate: Candidate): HealthView };

/** Facts by which nothing is known. `turnOf` counts; `random` is the one given, or always a half. */
export function factsOf(facts: Partial<TestFacts> = {}): TestFacts {
  let turns = 0;
  return {
    healthOf: () => ({ isAvailable: true, inFlight: 0 }),
    cost: () => undefined,
    connectMs: () => undefined,
    random: () => 0.5,
    turnOf: () => turns++,
    ...facts,
  };
}

/** A repeatable source of random numbers from 0 to below 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
