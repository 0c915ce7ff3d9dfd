/**
 * One Ctrl-C can arrive several times: the terminal signals every process, and npm and `bin/clawhold.mjs` pass
 * signals on.
 */
const SAME_KEY_MS = 500;

/**
 * Calls `first` for the first interrupt, and `again` for each later one. Signals within `SAME_KEY_MS` count as
 * one.
 */
export function onInterrupt(first: (signal: NodeJS.Signals) => void, again: () => void): void {
  let firstAt: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      first(signal);
    } else if (now - firstAt > SAME_KEY_MS) {
      again();
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal);
}
