import { readdirSync, readFileSync } from 'node:fs';

/** CPU time and memory of a process and its children, as the Linux kernel counts them. */

/** CPU time in nanoseconds, by thread. */
export type CpuSnapshot = ReadonlyMap<number, number>;

export function cpuOf(pid: number): CpuSnapshot {
  const threads = new Map<number, number>();
  for (const member of processTree(pid)) {
    for (const thread of readdirSync(`/proc/${member}/task`)) {
      const time = read(`/proc/${member}/task/${thread}/schedstat`)?.split(' ')[0];
      if (time !== undefined) threads.set(Number(thread), Number(time));
    }
  }
  return threads;
}

/** CPU microseconds since an earlier snapshot. Threads that have ended since then are not counted. */
export function cpuSince(before: CpuSnapshot, pid: number): number {
  let total = 0;
  for (const [thread, time] of cpuOf(pid)) total += time - (before.get(thread) ?? 0);
  return total / 1000;
}

/** Resident memory in bytes. */
export const memoryOf = (pid: number): number => statusOf(pid, /VmRSS:\s+(\d+)/);

/** The most resident memory so far, in bytes; of several processes, the sum. */
export const peakMemoryOf = (pid: number): number => statusOf(pid, /VmHWM:\s+(\d+)/);

function statusOf(pid: number, kilobytes: RegExp): number {
  let total = 0;
  for (const member of processTree(pid)) {
    total += Number(kilobytes.exec(read(`/proc/${member}/status`) ?? '')?.[1] ?? 0) * 1024;
  }
  return total;
}

function processTree(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`)?.split(' ').filter(Boolean) ?? [];
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
