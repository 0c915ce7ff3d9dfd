import type { z } from 'zod';
import { type Problem, suggestion } from './problems.ts';
import { type ScalarSetting, scalarSettings } from './shape.ts';

/**
 * Earlier names of variables. A variable still works under its earlier name, unless its present name is set.
 */
const EARLIER_NAMES: ReadonlyMap<string, string> = new Map([['CLAWHOLD_MASTER_KEY', 'CLAWHOLD_ROOT_KEY']]);

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names the configuration file. It is not a setting. */
export const FILE_VARIABLE = 'CLAWHOLD_CONFIG';

/**
 * Variables for clients, which may be exported where the gateway starts. `examples/` use the first, and used
 * the second.
 */
export const CLIENT_VARIABLES: ReadonlySet<string> = new Set(['CLAWHOLD_URL', 'CLAWHOLD_KEY']);

/** The settings that environment variables set. */
export interface EnvironmentSettings {
  values: { setting: ScalarSetting; text: string }[];
  problems: Problem[];
}

/** An empty variable counts as unset: compose files and CI systems leave a variable out this way. */
export function variable(env: Environment, name: string): string | undefined {
  return env[name] || undefined;
}

/**
 * Reads every `CLAWHOLD_…` variable. A variable that is not a setting of the schema is a problem, unless
 * the file uses it (`inFile`) or it is for clients.
 */
export function readEnvironment(
  schema: z.core.$ZodType,
  env: Environment,
  inFile: ReadonlySet<string>,
): EnvironmentSettings {
  const settings = new Map(scalarSettings(schema).map((setting) => [setting.variable, setting]));
  const known = [FILE_VARIABLE, ...settings.keys()];
  const read: EnvironmentSettings = { values: [], problems: [] };
  for (const name of Object.keys(env).sort()) {
    const text = variable(env, name);
    if (!name.startsWith('CLAWHOLD_') || name === FILE_VARIABLE || text === undefined) continue;
    if (CLIENT_VARIABLES.has(name) || isServiceLink(name, text)) continue;
    const present = EARLIER_NAMES.get(name);
    if (present !== undefined && variable(env, present) !== undefined) continue;
    const setting = settings.get(present ?? name);
    if (setting) read.values.push({ setting, text });
    else if (!inFile.has(name))
      read.problems.push({ where: name, message: `unknown variable${suggestion(name, known)}` });
  }
  return read;
}

/** Kubernetes sets such variables in every pod for a service called `clawhold`. They are not settings. */
function isServiceLink(name: string, text: string): boolean {
  if (/^CLAWHOLD_SERVICE_(HOST|PORT(_\w+)?)$/.test(name)) return true;
  if (/^CLAWHOLD_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return name === 'CLAWHOLD_PORT' && /^(tcp|udp|sctp):\/\//.test(text);
}

/** A text of the file after its variables were replaced by their values. */
export interface FilledText {
  text: string;
  /** The variables that the text names, set or unset. */
  variables: string[];
  problems: string[];
}

/**
 * Replaces the variables in a text of the file by their values: `${NAME}`, or `${NAME:-text}` for one that
 * may be unset or empty. `$${` becomes a plain `${`.
 */
export function fillIn(text: string, env: Environment): FilledText {
  const variables: string[] = [];
  const problems: string[] = [];
  const filled = text.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inside: string, closed: string) => {
    if (whole === '$${') return '${';
    const [, name, fallback] = /^([A-Za-z_]\w*)(?::-(.*))?$/s.exec(inside) ?? [];
    if (!closed || name === undefined) {
      problems.push(`a variable is written \${NAME} or \${NAME:-default}`);
      return '';
    }
    variables.push(name);
    if (fallback !== undefined) return variable(env, name) ?? fallback;
    const value = env[name];
    if (value === undefined) problems.push(`the environment variable ${name} is not set`);
    return value ?? '';
  });
  return { text: filled, variables, problems };
}
