import { arch, platform, release } from 'node:os';
import { dependencies, version } from '../../../package.json';
import type { Env, Finding } from './finding.ts';

/** Below it Bun queues outgoing requests silently; `bin/clawhold.mjs` sets much more. */
const FEW_REQUESTS = 1024;
const BUNS_DEFAULT_REQUESTS = 256;

export function checkRuntime(env: Env): Finding[] {
  const findings: Finding[] = [
    { level: 'ok', subject: 'Clawhold', message: version },
    Bun.version === dependencies.bun
      ? { level: 'ok', subject: 'Bun', message: Bun.version }
      : {
          level: 'warn',
          subject: 'Bun',
          message: `${Bun.version}, while ${dependencies.bun} is what this version is tested with`,
          remedy: 'Start it with npm start or bin/clawhold.mjs, which bring the right one.',
        },
    { level: 'ok', subject: 'System', message: `${platform()} ${release()}, ${arch()}` },
  ];
  const requests = Number(env.BUN_CONFIG_MAX_HTTP_REQUESTS || BUNS_DEFAULT_REQUESTS);
  if (!(requests >= FEW_REQUESTS)) {
    findings.push({
      level: 'warn',
      subject: 'Requests',
      message: `only ${requests} calls to providers can run at once; further ones wait unseen`,
      remedy: 'Start with npm start or bin/clawhold.mjs, or set BUN_CONFIG_MAX_HTTP_REQUESTS=65336.',
    });
  }
  const proxy = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy'].find((name) => env[name]);
  if (proxy)
    findings.push({ level: 'note', subject: 'Proxy', message: `providers are called through ${proxy}` });
  return findings;
}
