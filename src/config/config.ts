import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import type { PolicyDefaults } from '../core/policy.ts';
import type { SettingInUse } from './in-use.ts';
import { fileSchema } from './schema.ts';
import { camelCase } from './setting.ts';
import { settingsOf } from './shape.ts';

/** The file's settings after validation: keys in camelCase, every default in place. */
type FileSettings = z.output<typeof fileSchema>;

type Immutable<T> = T extends object ? { readonly [Key in keyof T]: Immutable<T[Key]> } : T;

/**
 * The whole configuration: validated, with every default in place, and never changed. `schema.ts` describes
 * each setting; here it has the same path in camelCase (`limits.body_bytes` is `limits.bodyBytes`).
 * A setting without a value and without a default is absent. `claws`, `aliases` and `rateLimits.perModel` keep the
 * names that the operator wrote.
 */
export type Config = Immutable<Omit<FileSettings, 'keys' | 'log'>> & {
  /** The absolute path of the file; absent when there is none. */
  readonly file?: string;
  /** Every setting as people may see it. */
  readonly inUse: readonly SettingInUse[];
  /** Absolute. */
  readonly dataDir: string;
  /** Names and keys are unique. */
  readonly keys: readonly KeySettings[];
  /** A program that starts a gateway of its own may ask for `silent`; the file may not. */
  readonly log: { readonly level: FileSettings['log']['level'] | 'silent' };
};

type KeySettings = Immutable<Omit<FileSettings['keys'][number], 'turns' | 'limits'>> & {
  /** The key's own settings, completed by the general `turns`. */
  readonly policy: PolicyDefaults;
  /** The key's own settings, completed by `rateLimits.perKey`. */
  readonly limits: Immutable<FileSettings['rateLimits']['perKey']>;
};

/** Completes what the file says with what it depends on besides itself. Relative paths start from `cwd`. */
export function toConfig(
  settings: FileSettings,
  cwd: string,
  { file, inUse = [] }: Partial<Pick<Config, 'file' | 'inUse'>> = {},
): Config {
  return {
    ...settings,
    file,
    inUse,
    dataDir: absolutePath(cwd, settings.dataDir),
    keys: settings.keys.map(({ turns, limits, ...key }) => ({
      ...key,
      policy: { ...policyOf(settings.turns), ...turns },
      limits: { ...settings.rateLimits.perKey, ...limits },
    })),
  };
}

/**
 * `path` from `cwd`. A `~` at its start is the user's home: shells replace it only at the beginning of a word.
 */
export function absolutePath(cwd: string, path: string): string {
  return resolve(
    cwd,
    path.replace(/^~(?=$|[\\/])/, () => homedir()),
  );
}

/** The policy in `config.turns`, without the other settings of that section. */
export function policyOf(turns: PolicyDefaults): PolicyDefaults {
  const { onDisconnect, whenBusy, whenDown, whenBroken, dropTools } = turns;
  return { onDisconnect, whenBusy, whenDown, whenBroken, dropTools };
}

/** The request headers that rules of aliases read, as the rules write them. */
export function ruleHeadersOf({ aliases }: Pick<Config, 'aliases'>): string[] {
  const rules = Object.values(aliases).flatMap((alias) => alias.rules);
  const fields = rules.flatMap(({ when }) => Object.keys(when));
  const names = fields.filter((field) => field.startsWith('header.')).map((field) => field.slice(7));
  return [...new Set(names)];
}

/**
 * The settings that differ and take effect only at a start, by their names in the file: `storage.kind`.
 * Empty when a running gateway can apply every difference.
 */
export function restartNeeded(before: Config, after: Config): string[] {
  return settingsOf(fileSchema)
    .filter(
      ({ note, path }) => note.restart && !isDeepStrictEqual(valueAt(before, path), valueAt(after, path)),
    )
    .map(({ name }) => name);
}

function valueAt(config: Config, path: readonly string[]): unknown {
  let value: unknown = config;
  for (const step of path) value = (value as Record<string, unknown>)[camelCase(step)];
  return value;
}
