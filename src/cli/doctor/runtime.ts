import { arch, platform, release } from 'node:os';
import { dependencies, version } from '../../../package.json';
import type { OwnCommand } from '../own-command.ts';
import type { Env, Finding } from './finding.ts';

/**
 * A lower limit is reported. Bun queues requests over its limit silently; `bin/clawhold.mjs` sets a much higher
 * one.
 */
const LEAST_REQUESTS = 1024;
const DEFAULT_REQUESTS = 256;

export function checkRuntime(env: Env, command: OwnCommand): Finding[] {
  const findings: Finding[] = [
    { level: 'ok', subject: 'Clawhold', message: version },
    Bun.version === dependencies.bun
      ? { level: 'ok', subject: 'Bun', message: Bun.version }
      : {
          level: 'warn',
          subject: 'Bun',
          message: `${Bun.version}, but this version is tested with ${dependencies.bun}`,
          remedy: `Start it with the right version: ${command('start')}`,
        },
    { level: 'ok', subject: 'System', message: `${platform()} ${release()}, ${arch()}` },
  ];
  const proxy = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].find((name) => env[name]);
  // Through a proxy, providers are called with `fetch`, which has this limit.
  const requests = Number(env.BUN_CONFIG_MAX_HTTP_REQUESTS || DEFAULT_REQUESTS);
  if (proxy && !(requests >= LEAST_REQUESTS)) {
    findings.push({
      level: 'warn',
      subject: 'Requests',
      message: `only ${requests} calls to providers can run at once; more calls wait without notice`,
      remedy: `Start it with ${command('start')}, or set BUN_CONFIG_MAX_HTTP_REQUESTS=65336.`,
    });
  }
  if (proxy)
    findings.push({ level: 'note', subject: 'Proxy', message: `providers are called through ${proxy}` });
  return findings;
}
