/** A terminal signals every process of the command, and npm and the starter pass it on: one key, several signals. */
const ONE_KEY_MS = 500;

/** Calls `first` for the first wish to stop, and `again` for a later one by somebody who cannot wait. */
export function onInterrupt(first: () => void, again: () => void): void {
  let firstAt: number | undefined;
  const told = () => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      first();
    } else if (now - firstAt > ONE_KEY_MS) {
      again();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, told);
}
