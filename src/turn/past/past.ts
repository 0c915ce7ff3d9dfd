import { statementsIn } from '../../context/pins/find.ts';
import { extendPins, NO_PINS, type Pin, type PinState, type SaidStatement } from '../../context/pins/fold.ts';
import { gloss } from '../../context/retrieval/gloss.ts';
import type { Passage } from '../../context/retrieval/passage.ts';
import { PassageIndex } from '../../context/retrieval/passage-index.ts';
import { passagesOf } from '../../context/retrieval/turn-passages.ts';
import { estimateTokens } from '../../context/tokens.ts';
import type { TurnId } from '../../core/ids.ts';
import type { BranchTurn } from '../../core/turn.ts';
import type { PassageVector } from '../../session/vector-store.ts';

/** A passage without a vector. */
export interface BarePassage extends Omit<PassageVector, 'vector'> {
  text: string;
  /** The passage itself. */
  of: Passage;
}

/**
 * What is derived from a branch, so that a turn need not read all of it: an index of its passages, and the standing
 * instructions and preferences in force. It can always be made again from the log.
 */
export class Past {
  readonly index = new PassageIndex(gloss());
  /** The pins after the turns that changed them, oldest first. */
  private readonly changes: { turn: TurnId; pins: PinState }[] = [];
  /** When the turns with statements were, in milliseconds since the epoch. */
  private readonly times = new Map<string, number>();
  private readonly counted = new WeakMap<Passage, number>();
  /** Of the passages that it holds, or has held since it began anew. */
  characters = 0;
  /** The model whose vectors its passages have (`VectorScope.model`). */
  private model: string | undefined;

  get pins(): PinState {
    return this.changes.at(-1)?.pins ?? NO_PINS;
  }

  /** When the pin was last said: milliseconds since the epoch. */
  saidAt({ source }: Pin): number {
    return this.times.get(source.turn) ?? 0;
  }

  /** Estimated tokens of a passage of the index, counted once. */
  tokensOf(passage: Passage): number {
    const known = this.counted.get(passage);
    if (known !== undefined) return known;
    const tokens = estimateTokens(passage.text);
    this.counted.set(passage, tokens);
    return tokens;
  }

  /** Bytes of memory, about. */
  get bytes(): number {
    const { vectors } = this.index;
    return BYTES_PER_CHARACTER * this.characters + (vectors ? vectors.bytes : 0);
  }

  /** Passages without a vector of this model, oldest first; without those that are `refused`. */
  withoutVectors(model: string, most: number, refused: WeakSet<object>): BarePassage[] {
    this.useModel(model);
    const { table, vectors } = this.index;
    const bare: BarePassage[] = [];
    for (let number = 0; number < table.size && bare.length < most; number++) {
      const passage = table.passages[number]!;
      if (vectors?.has(number) || refused.has(passage)) continue;
      const { turn, speaker, text } = passage;
      const said = speaker === undefined ? text : `${speaker}: ${text}`;
      bare.push({ turn, passage: nameOf(passage), text: said, of: passage });
    }
    return bare;
  }

  /** Gives passages their vectors. Those of turns that it does not hold are left out: another branch has them. */
  attach(model: string, found: readonly PassageVector[]): void {
    this.useModel(model);
    for (const { turn, passage, vector } of found) {
      for (const [number, own] of this.index.passagesOf(turn)) {
        if (nameOf(own) === passage) this.index.setVector(number, vector);
      }
    }
  }

  private useModel(model: string): void {
    if (model !== this.model) this.index.vectors = undefined;
    this.model = model;
  }

  /** Adds the turn that follows the last one. Long texts are added bit by bit: other work may run at each step. */
  *add(turn: BranchTurn): Generator<void> {
    const passages = passagesOf(turn);
    const { id } = turn.turn;
    this.index.begin(id);
    for (const passage of passages) {
      this.index.addPassage(passage);
      this.characters += passage.text.length;
      yield;
    }
    const said = statementsOf(passages);
    if (said.length > 0) this.times.set(id, passages[0]!.at);
    const pins = withoutRemoved(extendPins(this.pins, said), turn);
    if (pins !== this.pins) this.changes.push({ turn: id, pins });
  }

  /** Takes out all turns after this one. False, and nothing changes, where it does not have the turn. */
  rewind(turn: TurnId | null): boolean {
    if (!this.index.rewind(turn)) return false;
    if (turn === null) this.characters = 0;
    while (this.changes.length > 0 && !this.index.table.holds(this.changes.at(-1)!.turn)) this.changes.pop();
    return true;
  }
}

/** A passage in its turn: `i0.0` is the first piece of the first item of the input. */
const nameOf = ({ side, index, piece = 0 }: Passage): string => `${side}${index}.${piece}`;

/** Of the text itself, of its terms and of its meaning, about. */
const BYTES_PER_CHARACTER = 2;

/** A pin that its caller removed is marked at the turn where it was last said, beside the turn's hidden items. */
function withoutRemoved(pins: PinState, { turn, hidden }: BranchTurn): PinState {
  const isRemoved = ({ id }: Pin) => {
    const removal = removalOf(id);
    return removal.turn === turn.id && hidden.includes(removal.mark);
  };
  return hidden.length > 0 && pins.some(isRemoved) ? pins.filter((pin) => !isRemoved(pin)) : pins;
}

/** Where the removal of a pin is marked, and the mark. */
export function removalOf(pin: string): { turn: TurnId; mark: string } {
  const dot = pin.indexOf('.');
  return { turn: pin.slice(0, dot) as TurnId, mark: `p${pin.slice(dot + 1)}` };
}

/** Users state what they want at the beginning of a text, or in a short one; the rest of a long text is a document. */
const MOST_PIECES_WITH_STATEMENTS = 16;

/** The statements of the user, numbered within their items: a long item has several passages. */
function statementsOf(passages: readonly Passage[]): SaidStatement[] {
  const said: SaidStatement[] = [];
  for (const { turn, side, index: item, piece = 0, role, text } of passages) {
    if (side !== 'i' || role !== 'user' || piece >= MOST_PIECES_WITH_STATEMENTS) continue;
    for (const statement of statementsIn(text, role)) {
      const index = said.filter(({ source }) => source.item === item).length;
      said.push({ statement, source: { turn, item }, index });
    }
  }
  return said;
}
