import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import { isObject } from '../core/json.ts';
import { checkAlerts } from './alert-check.ts';
import { checkAliasNames } from './alias-check.ts';
import { clawSchema } from './claw-schema.ts';
import { absolutePath, type Config, toConfig } from './config.ts';
import { type Environment, FILE_VARIABLE, readEnvironment, variable } from './environment.ts';
import { settingsInUse } from './in-use.ts';
import { ConfigError, describeIssues, type Origin, type Problem, pathText, suggestion } from './problems.ts';
import { fileSchema } from './schema.ts';
import { coerce, type Path } from './shape.ts';
import { readYaml, type YamlFile } from './yaml-file.ts';

const FILE_NAMES = ['clawhold.yaml', 'clawhold.yml'];

/** The absolute paths of the files that may be the configuration: the named one, or those of the directory. */
export function configFiles(cwd: string, env: Environment): string[] {
  return fileNames(env).map((name) => absolutePath(cwd, name));
}

function fileNames(env: Environment): string[] {
  const named = variable(env, FILE_VARIABLE);
  return named === undefined ? FILE_NAMES : [named];
}

export interface LoadOptions {
  /** The directory of the file; relative paths start from it. */
  cwd: string;
  env: Environment;
  /**
   * The ids (and further names) of providers that need no `protocol` and `base_url`. Without it, neither
   * the names of claws nor those in aliases are checked.
   */
  providers?: Iterable<string>;
}

/**
 * Reads the configuration: a variable overrides the file, and the file overrides the default. Throws one
 * `ConfigError` with every mistake. A `CLAWHOLD_CONFIG` that names no readable file is a mistake.
 */
export async function loadConfig({ cwd, env, providers }: LoadOptions): Promise<Config> {
  const problems: Problem[] = [];
  const found = await findFile(cwd, env, problems);
  const file = found && (await readYaml(found.text, found.name, env));
  const settings = readEnvironment(fileSchema, env, file?.variables ?? new Set());
  problems.push(...(file?.problems ?? []), ...settings.problems);

  const value = coerce(fileSchema, overlay(file?.value, settings.values));
  const variables = new Map(settings.values.map(({ setting }) => [pathText(setting.path), setting.variable]));
  const origin = originOf(file, variables);
  const parsed = fileSchema.safeParse(value);
  const broken = new Set(problems.map(({ where }) => where));
  const invalid = [
    ...(parsed.success ? [] : describeIssues(parsed.error.issues, fileSchema, value, origin)),
    ...crossCheck(value, providers && new Set(providers), origin),
  ];
  // A line whose variable is missing has no value yet, so further messages about it would mislead.
  problems.push(...invalid.filter(({ where }) => !broken.has(where)));
  if (problems.length > 0 || !parsed.success) throw new ConfigError(problems);
  return toConfig(parsed.data, cwd, {
    file: found?.path,
    inUse: settingsInUse(parsed.data, value, origin),
  });
}

interface FoundFile {
  path: string;
  /** As the operator writes it. */
  name: string;
  text: string;
}

async function findFile(cwd: string, env: Environment, problems: Problem[]): Promise<FoundFile | undefined> {
  const named = variable(env, FILE_VARIABLE);
  for (const name of fileNames(env)) {
    const path = absolutePath(cwd, name);
    try {
      return { path, name, text: await readFile(path, 'utf8') };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (named !== undefined)
        problems.push({ where: FILE_VARIABLE, message: `cannot read ${name} (${code})` });
      else if (code !== 'ENOENT') problems.push({ where: name, message: `cannot be read (${code})` });
    }
  }
  return undefined;
}

/** A copy of the file's value, with the texts of the variables at their paths. */
function overlay(value: unknown, texts: { setting: { path: string[] }; text: string }[]): unknown {
  if (texts.length === 0) return value ?? {};
  const whole = structuredClone(value ?? {});
  for (const { setting, text } of texts) {
    let around = whole;
    for (const step of setting.path.slice(0, -1)) {
      if (!isObject(around)) break;
      around[step] ??= {};
      around = around[step] as object;
    }
    if (isObject(around)) around[setting.path.at(-1)!] = text;
  }
  return whole;
}

function originOf(file: YamlFile | undefined, variables: Map<string, string>): Origin {
  const variableOf = (path: Path) => variables.get(pathText(path));
  return {
    where: (path) => variableOf(path) ?? file?.where(path) ?? 'configuration',
    fromVariable: (path) => variableOf(path) !== undefined,
    written: (path) => (variableOf(path) === undefined ? file?.written(path) : undefined),
  };
}

/** Mistakes that involve several settings: unknown claws, aliases of unknown providers, duplicate keys. */
function crossCheck(value: unknown, providers: Set<string> | undefined, origin: Origin): Problem[] {
  if (!isObject(value)) return [];
  const claws = isObject(value.claws) ? value.claws : {};
  const problems: Problem[] = [
    ...checkKeys(value.keys, origin),
    ...checkInstances(claws, origin),
    ...checkAlerts(value.alerts, origin),
  ];
  if (!providers) return problems;
  for (const [id, claw] of Object.entries(claws)) {
    const parsed = clawSchema.safeParse(claw);
    if (providers.has(id) || !parsed.success) continue;
    const missing = [
      parsed.data.protocol === undefined ? 'protocol' : '',
      hasBaseUrl(parsed.data) ? '' : 'base_url',
    ].filter(Boolean);
    if (missing.length === 0) continue;
    const hint = suggestion(id, providers) || `; a claw of your own needs ${missing.join(' and ')}`;
    problems.push({ where: origin.where(['claws', id]), message: `claws: unknown provider "${id}"${hint}` });
  }
  const known = new Set([...providers, ...Object.keys(claws)]);
  problems.push(...checkAliasNames(value.aliases, known, origin));
  return problems;
}

function hasBaseUrl({ baseUrl, instances }: z.output<typeof clawSchema>): boolean {
  return baseUrl !== undefined || (instances.length > 0 && instances.every((each) => each.baseUrl));
}

/** Each instance differs from the claw, and from the other instances by its name. */
function checkInstances(claws: object, origin: Origin): Problem[] {
  const problems: Problem[] = [];
  for (const [id, claw] of Object.entries(claws)) {
    const parsed = clawSchema.safeParse(claw);
    if (!parsed.success) continue;
    const names = new Map<string, number>();
    for (const [index, instance] of parsed.data.instances.entries()) {
      const report = (message: string) =>
        problems.push({
          where: origin.where(['claws', id, 'instances', index]),
          message: `claws.${id}.instances[${index}]: ${message}`,
        });
      if (instance.apiKey === undefined && instance.baseUrl === undefined)
        report('an instance needs an api_key or a base_url');
      const first = names.get(instance.name);
      if (first === undefined) names.set(instance.name, index);
      else report(`the same name ("${instance.name}") as claws.${id}.instances[${first}]`);
    }
  }
  return problems;
}

function checkKeys(keys: unknown, origin: Origin): Problem[] {
  const seen = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [index, entry] of Array.isArray(keys) ? keys.entries() : []) {
    for (const field of ['name', 'key']) {
      const text = isObject(entry) ? entry[field] : undefined;
      if (typeof text !== 'string') continue;
      const first = seen.get(`${field} ${text}`);
      if (first === undefined) {
        seen.set(`${field} ${text}`, index);
      } else {
        const message = `keys[${index}].${field}: the same ${field} as in keys[${first}]`;
        problems.push({ where: origin.where(['keys', index, field]), message });
      }
    }
  }
  return problems;
}
