import type { TurnId } from '../../core/ids.ts';
import type { Passage } from './passage.ts';
import { EPISODE_PAUSE } from './weights.ts';

/** How a passage takes part in its conversation. The weights depend on it. */
export enum Kind {
  /** A message of the person, in a chat with an assistant. */
  user,
  /** A message of the assistant, or the output of a tool. */
  assistant,
  /** An utterance of a named speaker: people talk with each other. */
  person,
}

/** What the text of a passage shows. */
export interface Traits {
  /** Number of terms. */
  length: number;
  /** Bits of `Cue` (`cues.ts`). */
  cues: number;
  /** Equal for passages with the same terms. 0 for a passage without terms. */
  print: number;
}

/** Speakers whose names count; further ones are people without a name. */
const MOST_SPEAKERS = 256;

/** The passages of an index, by number, in columns. */
export class PassageTable {
  readonly passages: Passage[] = [];
  kinds = new Uint8Array(64);
  cues = new Uint8Array(64);
  lengths = new Uint16Array(64);
  speakers = new Uint16Array(64);
  episodes = new Uint32Array(64);
  /** Passages of one turn have the same number here. */
  turns = new Uint32Array(64);
  prints = new Float64Array(64);
  #times = new Float64Array(64);
  /** Number of terms of each episode. */
  readonly episodeLengths: number[] = [];
  /** By number. Number 0 stands for no name. */
  readonly #speakers: { name: string; passages: number }[] = [{ name: '', passages: 0 }];
  /** Number of passages and of their terms, by kind. */
  readonly #totals = [Kind.user, Kind.assistant, Kind.person].map(() => ({ passages: 0, terms: 0 }));
  readonly #turns: { id: TurnId; first: number }[] = [];
  /** The number of the first passage of each turn. */
  readonly #ids = new Map<TurnId, number>();

  get size(): number {
    return this.passages.length;
  }

  get lastTurn(): { id: TurnId; first: number } | undefined {
    return this.#turns.at(-1);
  }

  holds(id: TurnId): boolean {
    return this.#ids.has(id);
  }

  /** The number that the first passage of the turn has, or would have. */
  firstOf(id: TurnId): number | undefined {
    return this.#ids.get(id);
  }

  beginTurn(id: TurnId): void {
    this.#turns.push({ id, first: this.size });
    this.#ids.set(id, this.size);
  }

  /** Takes out the last turn with its passages. */
  popTurn(): void {
    const turn = this.#turns.pop();
    if (!turn) return;
    this.#ids.delete(turn.id);
    while (this.size > turn.first) this.#pop();
  }

  /** Adds a passage to the last turn and returns its number. */
  add(passage: Passage, { length, cues, print }: Traits): number {
    const number = this.size;
    if (number === this.kinds.length) this.#grow();
    this.kinds[number] = kindOf(passage);
    this.cues[number] = cues;
    this.lengths[number] = Math.min(length, 0xffff);
    this.speakers[number] = this.#speakerOf(passage);
    this.turns[number] = this.#turns.length;
    this.prints[number] = print;
    this.#times[number] = passage.at;
    this.passages.push(passage);
    const episode = this.#episodeOf(number);
    this.episodes[number] = episode;
    this.episodeLengths[episode] ??= 0;
    this.#count(number, 1);
    return number;
  }

  /** The speakers of the passages that are there now. */
  *speakerNames(): Generator<[number: number, name: string]> {
    for (const [number, { name, passages }] of this.#speakers.entries()) {
      if (number > 0 && passages > 0) yield [number, name];
    }
  }

  averageLength(kind: Kind): number {
    const { passages, terms } = this.#totals[kind]!;
    return Math.max(1, terms) / Math.max(1, passages);
  }

  #pop(): void {
    const number = this.size - 1;
    this.#count(number, -1);
    const episode = this.episodes[number]!;
    if (number === 0 || this.episodes[number - 1] !== episode) this.episodeLengths.length = episode;
    this.passages.pop();
  }

  #count(number: number, by: 1 | -1): void {
    const total = this.#totals[this.kinds[number]!]!;
    const length = this.lengths[number]!;
    total.passages += by;
    this.#speakers[this.speakers[number]!]!.passages += by;
    total.terms += by * length;
    this.episodeLengths[this.episodes[number]!]! += by * length;
  }

  #speakerOf({ speaker }: Passage): number {
    if (!speaker) return 0;
    const known = this.#speakers.findIndex(({ name }) => name === speaker);
    if (known !== -1) return known;
    return this.#speakers.length < MOST_SPEAKERS
      ? this.#speakers.push({ name: speaker, passages: 0 }) - 1
      : 0;
  }

  /** A pause begins a new episode. */
  #episodeOf(number: number): number {
    if (number === 0) return 0;
    const pause = Math.abs(this.#times[number]! - this.#times[number - 1]!);
    return this.episodes[number - 1]! + (pause > EPISODE_PAUSE ? 1 : 0);
  }

  #grow(): void {
    const size = Math.ceil(this.kinds.length * 1.5);
    const grown = <T extends { set(from: T): void }>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.kinds = grown(this.kinds, new Uint8Array(size));
    this.cues = grown(this.cues, new Uint8Array(size));
    this.lengths = grown(this.lengths, new Uint16Array(size));
    this.speakers = grown(this.speakers, new Uint16Array(size));
    this.episodes = grown(this.episodes, new Uint32Array(size));
    this.turns = grown(this.turns, new Uint32Array(size));
    this.prints = grown(this.prints, new Float64Array(size));
    this.#times = grown(this.#times, new Float64Array(size));
  }
}

function kindOf({ role, speaker }: Passage): Kind {
  if (role !== 'user') return Kind.assistant;
  return speaker ? Kind.person : Kind.user;
}
