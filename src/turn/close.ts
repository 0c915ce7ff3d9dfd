import type { Delta } from '../core/delta.ts';
import { foldAll } from '../core/fold.ts';
import type { Intent, Outcome } from '../core/turn.ts';
import type { TurnPath } from './path.ts';
import { commit } from './record.ts';
import { settle } from './settle.ts';

/** A turn that is not run, or not run on. */
export interface Closing {
  /** As it is journaled. */
  slim: Intent;
  /** What came of it. */
  deltas: readonly Delta[];
  /** Why it ends here: a `Fault` or a `Cancelled`. */
  failure: unknown;
}

/** Records a turn as far as it has come. */
export async function close({ slim, deltas, failure }: Closing, path: TurnPath): Promise<Outcome> {
  const { branchTokens, inputTokens } = slim.standing;
  const outcome = settle({
    turn: slim.id,
    folded: foldAll(deltas),
    failure,
    price: ({ provider, model }) => path.directory.limits(provider, model).price,
    promptTokens: branchTokens + inputTokens,
    completedAt: path.clock(),
  });
  await commit({ slim, outcome, deltas, fingerprint: slim.plan?.fingerprint }, path);
  path.emit({ intent: slim, requestId: slim.plan?.requestId, outcome, failure });
  return outcome;
}
