import { itemsTokens } from '../context/tokens.ts';
import type { Delta } from '../core/delta.ts';
import { type Folded, fold } from '../core/fold.ts';
import type { Intent, Outcome } from '../core/turn.ts';
import { encodeBody } from '../session/codec.ts';
import { digestItems } from '../session/digest.ts';
import type { Journal } from '../session/journal.ts';
import { moveOut } from '../session/large-content.ts';
import type { BlobStore, SessionStore, TurnRow } from '../session/store.ts';
import { recordTape } from '../session/tape.ts';
import type { LiveTurn } from './live-turn.ts';

export interface RecordParts {
  store: SessionStore;
  journal: Journal;
  blobs: BlobStore;
}

/** Takes one burst down: journaled first, then seen by readers. */
export function take(live: LiveTurn, burst: readonly Delta[], folded: Folded, journal: Journal): void {
  if (burst.length === 0) return;
  if (live.keep) journal.append(live.asked.id, burst);
  for (const delta of burst) fold(folded, delta);
  live.publish(burst);
}

/** A turn to be written to the log. */
export interface Recording {
  /** With its large content moved out (`session/large-content.ts`). */
  slim: Intent;
  outcome: Outcome;
  /** Everything that readers have seen. */
  deltas: readonly Delta[];
  /** Of the session's lease under which the turn ran. */
  token?: number;
  /** Of the request, where its client may send it again unasked. */
  fingerprint?: string;
}

/**
 * Writes a turn to the log; resolved, it survives the machine. A turn that produced nothing is kept beside
 * the branch: the session goes on as if it had not been asked.
 */
export async function commit(
  { slim, outcome, deltas, token, fingerprint }: Recording,
  parts: RecordParts,
): Promise<Committed> {
  const output = await moveOut(outcome.output, slim.tenant, parts.blobs);
  const speaks = outcome.output.length > 0 || outcome.state === 'completed';
  const tape = cameWhole(slim, outcome) ? undefined : await taped(deltas, outcome, slim, parts.blobs);
  const row = { ...toRow(slim, outcome), fingerprint, body: encodeBody(slim, { ...outcome, output }, tape) };
  const move = speaks ? slim.standing.moveHead : undefined;
  const moved = await parts.store.commitTurn(row, { move, token });
  parts.journal.end(slim.id);
  const { tokens, totalTokens, digest } = row;
  return {
    isHead: move !== undefined && moved,
    isCrowdedOut: move !== undefined && !moved,
    isSlim: output !== outcome.output,
    tokens,
    totalTokens,
    digest,
  };
}

/** An answer that came in one piece is played item by item, as it came. */
const cameWhole = ({ plan }: Intent, { attempts }: Outcome): boolean =>
  plan !== undefined && !plan.stream && !plan.background && !attempts;

const taped = (deltas: readonly Delta[], outcome: Outcome, { tenant }: Intent, blobs: BlobStore) =>
  moveOut(recordTape(deltas, outcome), tenant, blobs);

/** Where a turn stands now that it is in the log. */
export interface Committed extends Pick<TurnRow, 'tokens' | 'totalTokens' | 'digest'> {
  /** The session's head followed it. */
  isHead: boolean;
  /** The session's head should have followed it, and could not: another turn took its place, or the session is gone. */
  isCrowdedOut: boolean;
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
    deleted: intent.plan?.hidden ?? false,
  };
}

/**
 * The provider has counted what it wrote; reasoning is not sent back and does not count, and neither does what
 * several calls wrote of one answer.
 */
function answerTokens({ usage, output, attempts }: Outcome): number {
  return !attempts && usage && usage.output > usage.reasoning
    ? usage.output - usage.reasoning
    : itemsTokens(output);
}
