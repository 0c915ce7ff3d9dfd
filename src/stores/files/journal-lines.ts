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

/**
 * The turns that a segment's text shows as begun and not ended. A line that cannot be read (the machine
 * may have lost power) ends what is known of every turn that was open there: what comes after a gap does
 * not fit what comes before it.
 */
export function readLines(text: string): Map<TurnId, Unfinished> {
  const turns = new Map<TurnId, Unfinished>();
  const cut = new Set<TurnId>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const parsed = parse(line);
    if (!parsed) {
      for (const turn of turns.keys()) cut.add(turn);
      continue;
    }
    const [kind, turn, content] = parsed;
    if (kind === 'begin') turns.set(turn, { intent: content, deltas: [] });
    else if (kind === 'end') turns.delete(turn);
    else if (!cut.has(turn)) turns.get(turn)?.deltas.push(...content);
  }
  return turns;
}

function parse(line: string): Line | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return Array.isArray(parsed) ? (parsed as Line) : undefined;
  } catch {
    return undefined;
  }
}
