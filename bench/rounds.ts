import type { Job, Outcome } from './load/job.ts';
import { cpuOf, cpuSince } from './process-usage.ts';
import type { Bench } from './row.ts';

export interface Measured extends Outcome {
  /** CPU microseconds of the measured server, all threads. */
  serverCpuMicros: number;
}

/** Runs a job and measures the CPU time that the server's process uses during it. */
export async function measured(bench: Bench, pid: number, job: Job): Promise<Measured> {
  const before = cpuOf(pid);
  const outcome = await bench.load.run(job);
  return { ...outcome, serverCpuMicros: cpuSince(before, pid) };
}

/** Each round measures every subject once, so that other load on the machine affects all subjects equally. */
export async function interleaved<Subject, Result>(
  rounds: number,
  subjects: readonly Subject[],
  measure: (subject: Subject, round: number) => Promise<Result>,
): Promise<Map<Subject, Result[]>> {
  const results = new Map<Subject, Result[]>(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) results.get(subject)!.push(await measure(subject, round));
  }
  return results;
}

export const perSecond = ({ requests, elapsedMs }: Outcome): number => (requests * 1000) / elapsedMs;
