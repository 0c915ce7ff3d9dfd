import { Fault } from '../core/errors.ts';
import { itemId, type TurnId } from '../core/ids.ts';
import type { Item } from '../core/items.ts';
import type { Intent, Outcome, Turn } from '../core/turn.ts';
import type { TurnRow } from './store.ts';
import type { Tape } from './tape.ts';

/** What of a turn goes into the row's `body`; the rest are columns. Absent fields take no bytes. */
type Body = Partial<Omit<Turn, keyof TurnRow>> & { tape?: Tape };

/** The text of a turn's body. Empty collections are left out; `decodeTurn` puts them back. */
export function encodeBody(intent: Intent, outcome: Outcome, tape?: Tape): string {
  const body: Body = {
    input: full(intent.input),
    output: full(outcome.output),
    instructions: intent.instructions,
    settings: Object.keys(intent.settings).length > 0 ? intent.settings : undefined,
    toolsBlob: intent.toolsBlob,
    echo: intent.echo,
    inputNatives: intent.inputNatives,
    completedAt: outcome.completedAt,
    provider: outcome.provider,
    protocol: outcome.protocol,
    servedModel: outcome.servedModel,
    providerId: outcome.providerId,
    outputNatives: outcome.outputNatives,
    alternates: outcome.alternates,
    finish: full(outcome.finish),
    usage: outcome.usage,
    cost: outcome.cost,
    attempts: outcome.attempts,
    error: outcome.error,
    extra: outcome.extra,
    tape,
  };
  return JSON.stringify(body);
}

const full = <T>(list: T[]): T[] | undefined => (list.length > 0 ? list : undefined);

export const decodeTurn = (row: TurnRow): Turn => decodePlayed(row).turn;

/** A turn with what it takes to stream it again. */
export function decodePlayed(row: TurnRow): { turn: Turn; tape?: Tape } {
  const { tape, ...body } = parseBody(row);
  return { turn: toTurn(row, body), tape };
}

function parseBody(row: TurnRow): Body {
  try {
    return JSON.parse(row.body) as Body;
  } catch (cause) {
    throw new Fault('context_lost', `Turn ${row.id} is damaged in the store.`, { cause });
  }
}

function toTurn(row: TurnRow, body: Omit<Body, 'tape'>): Turn {
  return {
    ...body,
    id: row.id,
    tenant: row.tenant,
    session: row.session,
    parent: row.parent,
    createdAt: row.createdAt,
    dialect: row.dialect,
    listed: row.listed,
    metadata: row.metadata,
    model: row.model === '' ? undefined : row.model,
    state: row.state as Turn['state'],
    completedAt: body.completedAt ?? row.createdAt,
    input: body.input ?? [],
    output: body.output ?? [],
    settings: body.settings ?? {},
    finish: body.finish ?? [],
  };
}

/** An item with its place: what the outside addresses. */
export interface PlacedItem {
  item: Item & { id: string };
  side: 'i' | 'o';
  index: number;
}

/** A turn's visible items under their ids, input first; `hidden` ones are left out. */
export function placedItems(turn: Turn, hidden: readonly string[] = []): PlacedItem[] {
  const place = (side: 'i' | 'o') => (item: Item, index: number) => ({
    item: identified(item, turn.id, side, index),
    side,
    index,
  });
  const all = [...turn.input.map(place('i')), ...turn.output.map(place('o'))];
  return hidden.length === 0 ? all : all.filter(({ side, index }) => !hidden.includes(`${side}${index}`));
}

export function identified(item: Item, turn: TurnId, side: 'i' | 'o', index: number): Item & { id: string } {
  return { id: itemId(item.type, { turn, side, index }), ...item } as Item & { id: string };
}
