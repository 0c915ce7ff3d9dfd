import { itemsTokens } from '../context/tokens.ts';
import type { Clock } from '../core/clock.ts';
import { emptyFold, fold } from '../core/fold.ts';
import type { Intent, Outcome } from '../core/turn.ts';
import type { NanoDollars, Usage } from '../core/usage.ts';
import { encodeBody } from '../session/codec.ts';
import { digestItems } from '../session/digest.ts';
import type { Journal } from '../session/journal.ts';
import { moveOut } from '../session/large-content.ts';
import type { BlobStore, SessionStore, TurnRow } from '../session/store.ts';
import type { Answer } from './call.ts';
import type { LiveTurn } from './live-turn.ts';
import { settle } from './settle.ts';

export interface RecordParts {
  store: SessionStore;
  journal: Journal;
  blobs: BlobStore;
  clock: Clock;
}

export interface Ending {
  outcome: Outcome;
  /** Why the turn did not end in order; absent when it did. */
  failure?: unknown;
}

/** Takes the answer down as it comes: journaled first, then seen by readers. Never throws. */
export async function follow(
  live: LiveTurn,
  answer: Answer,
  parts: RecordParts & { cost(usage: Usage): NanoDollars | undefined },
): Promise<Ending> {
  const folded = emptyFold();
  let failure: unknown;
  try {
    for await (const burst of answer.bursts) {
      if (live.keep) parts.journal.append(live.intent.id, burst);
      for (const delta of burst) fold(folded, delta);
      live.publish(burst);
    }
  } catch (error) {
    failure = error;
  }
  const { candidate } = answer;
  const { cost, clock } = parts;
  return { outcome: settle({ folded, failure, candidate, cost, completedAt: clock() }), failure };
}

/**
 * Writes a turn to the log, its intent slim (`session/large-content.ts`); resolved, it survives the machine.
 * A turn that produced nothing is kept beside the branch: the session goes on as if it had not been asked.
 */
export async function commit(
  slim: Intent,
  outcome: Outcome,
  parts: Omit<RecordParts, 'clock'>,
): Promise<Committed> {
  const output = await moveOut(outcome.output, slim.tenant, parts.blobs);
  const speaks = outcome.output.length > 0 || outcome.state === 'completed';
  const row = { ...toRow(slim, outcome), body: encodeBody(slim, { ...outcome, output }) };
  const moveHead = speaks ? slim.standing.moveHead : undefined;
  const moved = await parts.store.commitTurn(row, moveHead);
  parts.journal.end(slim.id);
  const { tokens, totalTokens, digest } = row;
  return {
    isHead: moveHead !== undefined && moved,
    isSlim: output !== outcome.output,
    tokens,
    totalTokens,
    digest,
  };
}

/** Where a turn stands now that it is in the log. */
export interface Committed extends Pick<TurnRow, 'tokens' | 'totalTokens' | 'digest'> {
  /** The session's head followed it. */
  isHead: boolean;
  /** Large content of its output was moved out. */
  isSlim: boolean;
}

function toRow(intent: Intent, outcome: Outcome): Omit<TurnRow, 'body'> {
  const { branchTokens, inputTokens, digest } = intent.standing;
  const tokens = inputTokens + answerTokens(outcome);
  return {
    tenant: intent.tenant,
    session: intent.session,
    id: intent.id,
    parent: intent.parent,
    createdAt: intent.createdAt,
    state: outcome.state,
    dialect: intent.dialect,
    listed: intent.listed ?? false,
    model: intent.model ?? '',
    tokens,
    totalTokens: branchTokens + tokens,
    digest: digestItems(digest, outcome.output),
    metadata: intent.metadata,
    hidden: [],
    deleted: false,
  };
}

/** The provider has counted what it wrote; reasoning is not sent back and does not count. */
function answerTokens({ usage, output }: Outcome): number {
  return usage && usage.output > usage.reasoning ? usage.output - usage.reasoning : itemsTokens(output);
}
