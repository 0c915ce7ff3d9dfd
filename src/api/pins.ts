import type { Pin } from '../context/pins/fold.ts';
import { itemOf } from '../context/recalled.ts';
import { Fault } from '../core/errors.ts';
import type { TurnId } from '../core/ids.ts';
import { sessionOf } from '../core/ids.ts';
import type { Caller } from '../core/request.ts';
import type { Session } from '../core/turn.ts';
import { removalOf } from '../turn/past/past.ts';
import type { TurnPath } from '../turn/path.ts';
import { expectMayKeep } from './keeping.ts';

/** A standing instruction or preference of a user, as the conversation shows it. */
export interface PinView {
  id: string;
  kind: Pin['statement']['kind'];
  /** The sentence as it was said. */
  text: string;
  /** The turn and the item in which it was last said, and when: milliseconds since the epoch. */
  turn: TurnId;
  item: string;
  saidAt: number;
}

/** What may be done with the pins of conversations: the standing instructions and preferences that users stated. */
export class Pins {
  constructor(private readonly path: Pick<TurnPath, 'pasts' | 'log'>) {}

  /** Those in force at the conversation's head, oldest first. */
  async list({ tenant, id, head, edits }: Session): Promise<PinView[]> {
    if (head === null) return [];
    return this.path.pasts.use({ tenant, session: id, tip: head, edits }, (past) =>
      past.pins.map((pin) => viewOf(pin, past.saidAt(pin))),
    );
  }

  /**
   * Removes the pin from all prompts to come, on every branch that has its turn. What the user said stays in the
   * conversation; a later statement makes a new pin. `pin_not_found` where no such pin is in force.
   */
  async remove(caller: Caller, session: Session, id: string): Promise<void> {
    expectMayKeep(caller);
    const pins = await this.list(session);
    const { turn, mark } = removalOf(id);
    if (!pins.some((pin) => pin.id === id) || !isOf(turn, session)) {
      throw new Fault('pin_not_found', `The conversation has no pin '${id}' in force.`);
    }
    await this.path.log.amendTurn(session.tenant, turn, { hide: [mark] });
  }
}

const viewOf = ({ id, statement: { kind, text }, source }: Pin, saidAt: number): PinView => ({
  ...{ id, kind, text, saidAt },
  turn: source.turn as TurnId,
  item: itemOf(source),
});

const isOf = (turn: TurnId, { id }: Session): boolean => sessionOf(turn) === id;
