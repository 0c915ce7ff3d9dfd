import { newTurnId } from '../core/ids.ts';
import type { Caller } from '../core/turn.ts';
import type { Candidate } from '../routing/candidate.ts';
import { choose } from '../routing/choose.ts';
import type { Ask } from './ask.ts';
import { execute, prepare, resume } from './execute.ts';
import { findAnswered } from './find-turn.ts';
import type { Accepted } from './intent.ts';
import { LiveTurn } from './live-turn.ts';
import type { TurnPath, Wanted } from './path.ts';
import { enqueue } from './queued.ts';
import type { Once } from './repeats.ts';

/**
 * The path of a turn. Settles when the turn is under way: its intent is journaled and its claw is being
 * called. From there it runs to its one outcome, whoever reads along. A request that was made before finds
 * the turn that it made.
 */
export function run(ask: Ask, caller: Caller, path: TurnPath): Promise<Once<LiveTurn>> {
  return path.repeats.once(ask.identity, caller.tenant, {
    find: (target) => findAnswered(caller.tenant, target, path),
    make: async (claim) => {
      const candidates = candidatesFor(ask, path);
      const accepted = await accept(ask, caller, path);
      await claim(accepted.id);
      if (ask.background) return enqueue({ ask, caller, accepted, candidates }, path);
      return start({ ask, caller, accepted, candidates }, path);
    },
  });
}

export function candidatesFor(ask: Ask, path: TurnPath): readonly Candidate[] {
  return choose(ask, path.directory, (candidate) => path.claw(candidate).capabilities);
}

/** Gives the turn its id, and with it its session. */
async function accept(ask: Ask, caller: Caller, path: TurnPath): Promise<Accepted> {
  const session = await path.sessions.locate(caller.tenant, ask.state, ask.items);
  const createdAt = path.clock();
  const deferredUntil =
    ask.keep && ask.policy.whenDown === 'defer' ? createdAt + path.patience.deferMs : undefined;
  const { fingerprint } = ask.identity ?? {};
  return { id: newTurnId(session, createdAt), session, createdAt, deferredUntil, fingerprint };
}

async function start(wanted: Wanted, path: TurnPath): Promise<LiveTurn> {
  const { ask } = wanted;
  const resumed = await resume(wanted, path.patience.sessionMs, path);
  try {
    const prepared = await prepare(wanted, resumed, path);
    const { intent } = prepared;
    const { session } = resumed;
    const live = new LiveTurn({ asked: intent, keep: ask.keep, shown: ask.keep && ask.shown, session });
    path.running.add(live);
    void execute({ ...prepared, live }, path);
    return live;
  } catch (error) {
    resumed.lease?.release(false);
    throw error;
  }
}
