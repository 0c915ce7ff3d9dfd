/** Runs `work` one call at a time. Calls that come during a run share one further run, which sees what is newest. */
export function oneAtATime<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<unknown> = Promise.resolve();
  let waiting: Promise<Result> | undefined;
  return () => {
    waiting ??= running.then(() => {
      waiting = undefined;
      const result = work();
      running = result.catch(() => {});
      return result;
    });
    return waiting;
  };
}
