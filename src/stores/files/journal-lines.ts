import type { Delta } from '../../core/delta.ts';
import type { TurnId } from '../../core/ids.ts';
import type { Intent } from '../../core/turn.ts';
import type { Unfinished } from '../../session/journal.ts';

type Line = ['begin', TurnId, Intent] | ['deltas', TurnId, Delta[]] | ['end', TurnId];

export const beginLine = (intent: Intent): string =>
  JSON.stringify(['begin', intent.id, intent] satisfies Line);

export const deltasLine = (turn: TurnId, deltas: readonly Delta[]): string =>
  `["deltas","${turn}",${JSON.stringify(deltas)}]`;

export const endLine = (turn: TurnId): string => `["end","${turn}"]`;

/** The lines of `text` that a turn's entries are among. */
export const linesOf = (turn: TurnId, text: string): string[] =>
  text.split('\n').filter((line) => line.includes(turn));

/** The turns that lines of a segment, read in order, show as begun and not ended. */
export class OpenTurns {
  readonly turns = new Map<TurnId, Unfinished>();
  /**
   * Those of which no more is known from a line on that could not be read (the machine may have lost
   * power): what comes after a gap does not fit what comes before it.
   */
  readonly cut = new Set<TurnId>();

  read(lines: Iterable<string>): this {
    for (const line of lines) {
      if (line === '') continue;
      const parsed = parse(line);
      if (parsed) this.take(parsed);
      else for (const turn of this.turns.keys()) this.cut.add(turn);
    }
    return this;
  }

  private take([kind, turn, content]: Line): void {
    if (kind === 'deltas') {
      if (this.cut.has(turn)) return;
      const known = this.turns.get(turn);
      if (known) for (const delta of content) known.deltas.push(delta);
      return;
    }
    this.cut.delete(turn);
    if (kind === 'begin') this.turns.set(turn, { intent: content, deltas: [] });
    else this.turns.delete(turn);
  }
}

function parse(line: string): Line | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return Array.isArray(parsed) ? (parsed as Line) : undefined;
  } catch {
    return undefined;
  }
}
