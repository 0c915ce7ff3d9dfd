import { relative } from 'node:path';
import type { Config } from '../../config/config.ts';
import { CLIENT_VARIABLES, FILE_VARIABLE } from '../../config/environment.ts';
import { ConfigError } from '../../config/problems.ts';
import { isLoopback, openTo } from '../banner.ts';
import { loadSettings } from '../settings.ts';
import type { Env, Finding } from './finding.ts';

export interface CheckedConfiguration {
  /** Absent when the settings have errors. */
  config?: Config;
  findings: Finding[];
}

export async function checkConfiguration(env: Env): Promise<CheckedConfiguration> {
  try {
    const config = await loadSettings();
    return { config, findings: [...describe(config, env), ...checkAccess(config)] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const findings = error.problems.map((problem): Finding => {
      const colon = problem.indexOf(': ');
      const where = problem.slice(0, colon);
      return {
        level: 'bad',
        subject: where,
        message: problem.slice(colon + 2),
        remedy: where.startsWith('CLAWHOLD_')
          ? `Correct this variable, or remove it: unset ${where}`
          : 'Correct this line; docs/clawhold.schema.json describes every setting.',
      };
    });
    return { findings };
  }
}

const NO_SETTINGS: ReadonlySet<string> = new Set([FILE_VARIABLE, ...CLIENT_VARIABLES]);

function describe(config: Config, env: Env): Finding[] {
  const file = config.file === undefined ? undefined : relative(process.cwd(), config.file) || config.file;
  const variables = Object.keys(env)
    .filter((name) => name.startsWith('CLAWHOLD_') && !NO_SETTINGS.has(name) && env[name])
    .sort();
  return [
    {
      level: 'ok',
      subject: 'File',
      message: file ?? 'none: the defaults apply (clawhold.yaml in this folder would be read)',
    },
    ...(variables.length > 0
      ? [{ level: 'note', subject: 'Variables', message: variables.join(', ') } satisfies Finding]
      : []),
  ];
}

function checkAccess(config: Config): Finding[] {
  const keys = config.keys.length;
  const findings: Finding[] = [
    {
      level: 'ok',
      subject: 'Root key',
      message:
        config.rootKey === undefined
          ? 'in the file root-key of the data folder, unless you removed it; created at the first start'
          : 'from the settings',
    },
  ];
  if (keys > 0) findings.push({ level: 'ok', subject: 'Other keys', message: `${keys} from the settings` });
  if (!isLoopback(config.host)) {
    findings.push({
      level: 'warn',
      subject: 'Host',
      message: openTo(config.host),
      remedy:
        'Put a TLS proxy in front of it, or set CLAWHOLD_HOST=127.0.0.1. Inside a container, this host is correct.',
    });
  }
  if (config.storage.kind === 'memory') {
    findings.push({
      level: 'warn',
      subject: 'Storage',
      message: 'memory: all sessions are lost when the gateway stops',
      remedy: 'Set CLAWHOLD_STORAGE_KIND=sqlite to keep them.',
    });
  }
  return findings;
}
