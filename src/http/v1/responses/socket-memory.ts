import { itemsTokens } from '../../../context/tokens.ts';
import type { TurnId } from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import type { BranchTurn, StateRef, Turn } from '../../../core/turn.ts';
import { EMPTY_DIGEST } from '../../../session/digest.ts';
import type { Ask } from '../../../turn/ask.ts';

/** A request with what it builds on, and the characters of both. */
export interface SizedAsk {
  ask: Ask;
  size: number;
}

/** What a request that continues a held response builds on. */
interface Held {
  id: TurnId;
  state: StateRef;
  /** What was said without asking for an answer. */
  pending: readonly Item[];
  size: number;
}

/**
 * The latest response of each lane of a socket, where it is stored nowhere: it can be continued here, and only
 * here. What outgrows the room is forgotten, and its client sends it again.
 */
export class SocketMemory {
  /** The latest of all stands last. */
  private readonly lanes = new Map<string, Held>();

  /** `room`: the most characters that are held. */
  constructor(private readonly room: number) {}

  /** The same request, standing on what is held here where it continues that. */
  resume({ ask, size }: SizedAsk): SizedAsk {
    const held = this.find(ask.state);
    if (!held) return { ask, size };
    const { state, pending } = held;
    const whole = { ...ask, items: pending.length > 0 ? [...pending, ...ask.items] : ask.items };
    const standing = ask.keep && state.kind === 'held' ? alone(whole, state) : { ...whole, state };
    return { ask: standing, size: held.size + size };
  }

  /** Takes a turn for the latest of its lane. `asked` is what `resume` gave. */
  keep(lane: string, { ask, size }: SizedAsk, turn: Turn): void {
    this.lanes.delete(lane);
    if (ask.keep) return;
    const before = ask.state.kind === 'held' ? ask.state.turns : [];
    const state: StateRef = { kind: 'held', after: turn.parent, turns: [...before, branchTurn(turn)] };
    const said = JSON.stringify(turn.output).length;
    this.hold(lane, { id: turn.id, state, pending: [], size: size + said });
  }

  /** Takes items that are to be answered later, under the id of a response. */
  keepPending(lane: string, { ask, size }: SizedAsk, id: TurnId): void {
    this.lanes.delete(lane);
    this.hold(lane, { id, state: ask.state, pending: ask.items, size });
  }

  /** A continuation of `id` has failed: its lane cannot be continued from there any more. */
  evict(lane: string, id: TurnId): void {
    if (this.lanes.get(lane)?.id === id) this.lanes.delete(lane);
  }

  private find(state: StateRef): Held | undefined {
    if (state.kind !== 'response') return undefined;
    return [...this.lanes.values()].find(({ id }) => id === state.id);
  }

  private hold(lane: string, held: Held): void {
    this.lanes.set(lane, held);
    let total = 0;
    for (const { size } of this.lanes.values()) total += size;
    for (const [oldest, { size }] of this.lanes) {
      if (total <= this.room) return;
      this.lanes.delete(oldest);
      total -= size;
    }
  }
}

/** A turn that is stored holds all that it builds on and that is stored nowhere else. */
function alone(ask: Ask, { after, turns }: StateRef & { kind: 'held' }): Ask {
  const before = turns.flatMap(({ turn }) => [...turn.input, ...turn.output]);
  const state: StateRef = after === null ? { kind: 'none' } : { kind: 'response', id: after };
  return { ...ask, state, items: [...before, ...ask.items] };
}

function branchTurn(turn: Turn): BranchTurn {
  const tokens = itemsTokens(turn.input) + itemsTokens(turn.output);
  return { turn, tokens, totalTokens: tokens, digest: EMPTY_DIGEST, hidden: [] };
}
