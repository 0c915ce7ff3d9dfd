import { type SessionId, sessionOf, type TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { JournaledIntent, Unfinished } from '../../session/journal.ts';
import type { Line } from './journal-segment.ts';
import { isIntact } from './line-checksum.ts';
import { upgradeIntent, withContextPolicy } from './old-intents.ts';

/** Takes the position of a damaged line: it cannot be read either, and holds nothing. */
const UNREADABLE_LINE = '?';

const KINDS = new Set<unknown>(['begin', 'deltas', 'end', 'death', 'closed'] satisfies Line[0][]);

/** The lines of `text` that a turn's entries are among. */
export const linesOf = (turn: TurnId, text: string): string[] =>
  text.split('\n').filter((line) => line.includes(turn));

/** Names the turn of a begin line that cannot be read otherwise. */
const BEGUN = /^\["begin","([^"]+)"/;

/** The turns that lines of a segment, read in order, show as begun and not ended. */
export class OpenTurns {
  readonly turns = new Map<TurnId, Unfinished>();
  /**
   * Turns of which no more is known from a damaged line on (the machine may have lost power): what comes after
   * a gap does not fit what comes before it.
   */
  readonly cut = new Set<TurnId>();
  /** Turns whose begin cannot be read. Nothing else is known of them. */
  readonly lost = new Set<TurnId>();
  /** How often a process died that answered the turn, as far as a successor has noted it. */
  readonly deaths = new Map<TurnId, number>();
  damagedLines = 0;
  /** The last line says that the process closed its journal. */
  isClosed = false;

  read(lines: Iterable<string>): this {
    for (const line of lines) {
      if (line === '') continue;
      const parsed = parse(line);
      this.isClosed = parsed?.[0] === 'closed';
      if (parsed) this.take(parsed);
      else this.damaged(line);
    }
    return this;
  }

  private damaged(line: string): void {
    this.damagedLines++;
    for (const turn of this.turns.keys()) this.cut.add(turn);
    const begun = BEGUN.exec(line)?.[1] as TurnId | undefined;
    if (begun && !this.turns.has(begun)) this.lost.add(begun);
  }

  private take(line: Line): void {
    if (line[0] === 'closed') return;
    const [kind, turn, content] = line;
    if (kind === 'begin') this.begin(turn, journaledIntent(turn, content));
    else if (kind === 'end') this.end(turn);
    else if (kind === 'death') this.deaths.set(turn, (this.deaths.get(turn) ?? 0) + 1);
    else if (!this.turns.has(turn)) this.lost.add(turn);
    else if (!this.cut.has(turn)) for (const delta of content) this.turns.get(turn)!.deltas.push(delta);
  }

  private begin(turn: TurnId, intent: JournaledIntent | undefined): void {
    if (intent) {
      this.cut.delete(turn);
      this.lost.delete(turn);
      this.turns.set(turn, { intent, deltas: [] });
    } else if (this.turns.has(turn)) this.cut.add(turn);
    else this.lost.add(turn);
  }

  private end(turn: TurnId): void {
    this.cut.delete(turn);
    this.lost.delete(turn);
    this.deaths.delete(turn);
    this.turns.delete(turn);
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
    if (parsed[0] === 'closed') return [line];
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
  if (intent.kind === 'waiting' || intent.kind === 'placed') {
    return withContextPolicy(intent as JournaledIntent);
  }
  return upgradeIntent(content);
}

/** `undefined` for a damaged line. */
function parse(line: string): Line | undefined {
  if (!isIntact(line)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || typeof parsed[1] !== 'string') return undefined;
  const [kind, , content] = parsed;
  const isLine = KINDS.has(kind) && (kind !== 'deltas' || Array.isArray(content));
  return isLine ? (parsed as Line) : undefined;
}
