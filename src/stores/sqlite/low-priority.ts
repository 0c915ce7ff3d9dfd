import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';

/** A nice value: 0 is that of the threads that answer turns, 19 the lowest priority. */
const LOW = 10;

/**
 * Lets the calling thread wait for a processor until the threads that answer turns leave it one. On Linux, a thread
 * has a priority of its own (setpriority(2)); elsewhere this does nothing.
 */
export function lowerPriority(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(Number(basename(readlinkSync('/proc/thread-self'))), LOW);
  } catch {
    // A sandbox may forbid it. The thread works as well with the usual priority.
  }
}
