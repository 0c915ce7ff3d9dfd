import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Config } from './config.ts';

/** What the number of workers depends on besides the configuration. */
export interface Machine {
  platform: NodeJS.Platform;
  /** Cores that this process may use; a fraction where a container has a part of one. */
  cores: number;
}

/** `auto` starts no more: the log has one writer at a time, and each worker has memory of its own. */
const MOST_AUTO = 16;
/** Up to here, the provider's side of the calls and other programs need the rest. */
const ONE_UP_TO_CORES = 2;

/**
 * How many processes serve the gateway. Throws an error for the operator where the machine or the storage has only
 * one, and the configuration asks for more.
 */
export function workerCount(
  { workers, storage }: Pick<Config, 'workers' | 'storage'>,
  { platform, cores }: Machine,
): number {
  const onlyOne = whyOnlyOne(storage.kind, platform);
  if (workers !== 'auto') {
    if (workers > 1 && onlyOne)
      throw new Error(`workers: ${workers} is not possible: ${onlyOne}. Set workers: 1.`);
    return workers;
  }
  if (onlyOne || cores <= ONE_UP_TO_CORES) return 1;
  return Math.max(1, Math.min(Math.floor(cores) - 1, MOST_AUTO));
}

function whyOnlyOne(storage: Config['storage']['kind'], platform: NodeJS.Platform): string | undefined {
  if (storage === 'memory') return 'processes cannot share sessions in memory (storage.kind)';
  // Elsewhere, SO_REUSEPORT gives all connections to one process, or the port cannot be shared.
  if (platform !== 'linux') return 'only Linux divides the connections of a port among processes';
  return undefined;
}

export const thisMachine = (): Machine => ({
  platform: process.platform,
  cores: Math.min(availableParallelism(), quotaOfGroup()),
});

/** The processor time that the group of this process may use, in cores (`cpu.max` of version 2 of Linux's cgroups). */
function quotaOfGroup(): number {
  try {
    const group = readFileSync('/proc/self/cgroup', 'utf8').match(/^0::(.*)$/m)?.[1] ?? '/';
    const limit = readFileSync(join('/sys/fs/cgroup', group, 'cpu.max'), 'utf8');
    const [quota, period] = limit.trim().split(' ').map(Number);
    return quota && period ? quota / period : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
