import { readFileSync } from 'node:fs';

/**
 * The most resident memory that a process has had, in MiB. 0 on systems without `/proc`. The figure of
 * `process.resourceUsage()` is of no use here: on Linux it includes the parent before the process was started.
 */
export function peakMebibytes(pid: number | 'self' = 'self'): number {
  if (process.platform !== 'linux') return 0;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024;
}
