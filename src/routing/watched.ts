import type { Delta } from '../core/delta.ts';

/** How an answer ended: with its last burst, with a failure, or because its reader stopped it. */
export type AnswerEnd = { how: 'whole' } | { how: 'broken'; failure: unknown } | { how: 'stopped' };

/** Sees an answer from its second burst on. It never throws. */
export interface Watcher {
  burst?(burst: readonly Delta[]): void;
  /** Called exactly once. */
  ended(end: AnswerEnd): void;
}

/**
 * The same bursts, seen by the watcher. All watchers of an answer share one iterator, so that each part of the
 * chain costs a call per burst and no promise.
 */
export function watch(
  rest: AsyncIterator<readonly Delta[]>,
  watcher: Watcher,
): AsyncIterator<readonly Delta[]> {
  if (!(rest instanceof WatchedRest)) return new WatchedRest(rest, watcher);
  rest.watchers.push(watcher);
  return rest;
}

class WatchedRest implements AsyncIterator<readonly Delta[]> {
  readonly watchers: Watcher[];
  private hasEnded = false;

  constructor(
    private readonly rest: AsyncIterator<readonly Delta[]>,
    watcher: Watcher,
  ) {
    this.watchers = [watcher];
  }

  async next(): Promise<IteratorResult<readonly Delta[]>> {
    try {
      const burst = await this.rest.next();
      if (burst.done) this.end({ how: 'whole' });
      else for (const watcher of this.watchers) watcher.burst?.(burst.value);
      return burst;
    } catch (failure) {
      this.end({ how: 'broken', failure });
      throw failure;
    }
  }

  async return(): Promise<IteratorResult<readonly Delta[]>> {
    this.end({ how: 'stopped' });
    await this.rest.return?.();
    return { done: true, value: undefined };
  }

  private end(end: AnswerEnd): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    for (const watcher of this.watchers) watcher.ended(end);
  }
}
