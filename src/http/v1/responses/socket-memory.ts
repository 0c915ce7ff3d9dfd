import type { TurnId } from '../../../core/ids.ts';
import { asInput } from '../../../core/item-positions.ts';
import type { Item } from '../../../core/items.ts';
import { type Seal, thoughtOf } from '../../../core/seal.ts';
import { type Ask, type AskedState, isKept, type StateRef, type Turn } from '../../../core/turn.ts';

/** A request with the characters of its body, and of the turns that it continues. */
export interface SizedAsk {
  ask: Ask;
  size: number;
}

/** A response that is not stored, as a request that continues it needs it. */
interface Held {
  id: TurnId;
  /** What the continuing request builds on. */
  state: AskedState;
  /** Items that were sent without asking for an answer. */
  pending: readonly Item[];
  size: number;
}

/**
 * The latest response of each lane of a socket, where it is not stored: it can be continued on this socket alone.
 * The oldest ones are forgotten when there is no more room; then the client sends the whole input again.
 */
export class SocketMemory {
  /** The latest response comes last. */
  private readonly lanes = new Map<string, Held>();

  constructor(
    /** The most characters that are held. */
    private readonly room: number,
    private readonly seal: Seal,
  ) {}

  /** The request as it builds on what is held here, where it continues that; otherwise the same request. */
  resume({ ask, size }: SizedAsk): SizedAsk {
    const held = this.find(ask.state);
    if (!held) return { ask, size };
    const { state, pending } = held;
    const whole = { ...ask, input: pending.length > 0 ? [...pending, ...ask.input] : ask.input };
    const resumed =
      isKept(ask.retention) && state.kind === 'held'
        ? withHeldItems(whole, state, this.seal)
        : { ...whole, state };
    return { ask: resumed, size: held.size + size };
  }

  /** Holds a turn as the latest of its lane. The request is what `resume` gave. */
  remember(lane: string, { ask, size }: SizedAsk, turn: Turn): void {
    this.lanes.delete(lane);
    if (isKept(ask.retention)) return;
    const before = ask.state.kind === 'held' ? ask.state.turns : [];
    const state: StateRef = { kind: 'held', after: turn.parent, turns: [...before, turn] };
    const output = JSON.stringify(turn.output).length;
    this.hold(lane, { id: turn.id, state, pending: [], size: size + output });
  }

  /** Holds items that are answered later, under the id of a response. */
  rememberPending(lane: string, { ask, size }: SizedAsk, id: TurnId): void {
    this.lanes.delete(lane);
    this.hold(lane, { id, state: ask.state, pending: ask.input, size });
  }

  /** A continuation of `id` has failed: the lane cannot be continued from there any more. */
  evict(lane: string, id: TurnId): void {
    if (this.lanes.get(lane)?.id === id) this.lanes.delete(lane);
  }

  private find(state: AskedState): Held | undefined {
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

/** A stored turn cannot follow turns that are not stored: their items become a part of its input. */
function withHeldItems(ask: Ask, { after, turns }: StateRef & { kind: 'held' }, seal: Seal): Ask {
  const before = turns.flatMap((turn) => [
    ...turn.input,
    ...sealedOutput(turn, seal).map((item, index) => asInput(item, turn.id, 'o', index)),
  ]);
  const state: StateRef = after === null ? { kind: 'none' } : { kind: 'response', id: after };
  return { ...ask, state, input: [...before, ...ask.input] };
}

/**
 * The output of a turn as input of a later turn on the connection. Input items have no natives, so reasoning
 * that its provider needs again is sealed.
 */
function sealedOutput({ output, outputNatives, answeredBy, tenant }: Turn, seal: Seal): Item[] {
  return output.map((item, index) => {
    if (item.type !== 'reasoning' || !answeredBy) return item;
    const thought = thoughtOf(item, outputNatives?.[index], answeredBy);
    return { ...item, encrypted_content: seal(thought, tenant) };
  });
}
