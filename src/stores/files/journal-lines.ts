import { type SessionId, sessionOf, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { JournaledIntent, Unfinished } from '../../session/journal.ts';
import type { Line } from './journal-segment.ts';
import { upgradeIntent } from './old-intents.ts';

/** Takes the position of a damaged line: it cannot be read either, and holds nothing. */
const UNREADABLE_LINE = '?';

/** The lines of `text` that a turn's entries are among. */
export const linesOf = (turn: TurnId, text: string): string[] =>
  text.split('\n').filter((line) => line.includes(turn));

/** The turns that lines of a segment, read in order, show as begun and not ended. */
export class OpenTurns {
  readonly turns = new Map<TurnId, Unfinished>();
  /**
   * Turns of which no more is known from a line on that could not be read (the machine may have lost power):
   * what comes after a gap does not fit what comes before it.
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
    if (kind === 'begin') this.begin(turn, journaledIntent(turn, content));
    else if (kind === 'end') {
      this.cut.delete(turn);
      this.turns.delete(turn);
    } else if (!this.cut.has(turn)) {
      const known = this.turns.get(turn);
      if (known) for (const delta of content) known.deltas.push(delta);
    }
  }

  private begin(turn: TurnId, intent: JournaledIntent | undefined): void {
    if (intent) {
      this.cut.delete(turn);
      this.turns.set(turn, { intent, deltas: [] });
    } else if (this.turns.has(turn)) this.cut.add(turn);
  }
}

/**
 * The text of a segment without the turns of a session, and these turns. What is left means the same as before.
 * Damaged lines lose their content, because it may be the session's.
 */
export function withoutSession(
  text: string,
  tenant: Tenant,
  session: SessionId,
): { rest: string; erased: Set<TurnId> } {
  const lines = text.split('\n').map((line) => ({ line, parsed: line === '' ? undefined : parse(line) }));
  const foreign = new Set<TurnId>();
  for (const { parsed } of lines) {
    if (parsed?.[0] !== 'begin') continue;
    const owner = (parsed[2] as Partial<JournaledIntent> | null)?.tenant;
    if (owner !== undefined && owner !== tenant) foreign.add(parsed[1]);
  }
  const erased = new Set<TurnId>();
  const rest = lines.flatMap(({ line, parsed }) => {
    if (!parsed) return [line === '' ? line : UNREADABLE_LINE];
    const [, turn] = parsed;
    if (sessionOf(turn) !== session || foreign.has(turn)) return [line];
    erased.add(turn);
    return [];
  });
  return { rest: rest.join('\n'), erased };
}

function journaledIntent(turn: TurnId, content: unknown): JournaledIntent | undefined {
  const intent = content as Partial<JournaledIntent> | null;
  if (intent?.id !== turn) return undefined;
  if (intent.kind === 'waiting' || intent.kind === 'placed') return intent as JournaledIntent;
  return upgradeIntent(content);
}

function parse(line: string): Line | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || typeof parsed[1] !== 'string') return undefined;
  const [kind, , content] = parsed;
  const isLine = kind === 'begin' || kind === 'end' || (kind === 'deltas' && Array.isArray(content));
  return isLine ? (parsed as Line) : undefined;
}
