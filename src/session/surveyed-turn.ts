import { type Item, type Part, reasoningText } from '../core/items.ts';
import { type AnsweredTurn, type Turn, userOf } from '../core/turn.ts';
import { countTime, emptySums, type UsageLabels, type UsageSums } from '../core/usage-sums.ts';
import { decodeTurn, isInSession } from './stored-turn.ts';
import type { Surveyor } from './survey-store.ts';

/** A longer text of one item is searched only up to here, in characters. */
const MOST_TEXT = 16 * 1024;

/** What the survey takes from a stored turn. */
export const surveyedTurn: Surveyor = (row) => {
  const { turn } = decodeTurn(row);
  const { completedAt, error } = turn;
  return {
    endedAt: completedAt,
    labels: turn.kind === 'ask' ? labelsOf(turn) : NO_LABELS,
    sums: turn.kind === 'ask' && !turn.origin ? usageSumsOf(turn) : undefined,
    error: error?.code,
    text: isInSession(row) ? searchText(turn, row.hidden) : '',
  };
};

const NO_LABELS = { key: '', user: '', model: '', claw: '', alias: '' };

/** A turn that has ended, as far as its use is counted. */
export type CountedTurn = Pick<
  AnsweredTurn,
  | 'key'
  | 'user'
  | 'model'
  | 'settings'
  | 'createdAt'
  | 'completedAt'
  | 'state'
  | 'answeredBy'
  | 'usage'
  | 'cost'
  | 'receipt'
>;

/** The names under which a turn is counted; its tenant aside. */
export function labelsOf(turn: CountedTurn): Omit<UsageLabels, 'tenant'> {
  const { key, user, settings, answeredBy, receipt } = turn;
  return {
    key,
    user: user ?? userOf({ settings, extra: {} }) ?? '',
    model: answeredBy ? `${answeredBy.provider}/${answeredBy.calledModel ?? answeredBy.model}` : '',
    claw: answeredBy ? clawName(answeredBy) : '',
    alias: receipt?.route?.alias ?? '',
  };
}

const clawName = ({ provider, instance }: { provider: string; instance?: string }): string =>
  instance === undefined ? provider : `${provider}@${instance}`;

/** What a turn took. */
function usageSumsOf(turn: CountedTurn): UsageSums {
  const sums = emptySums();
  countTurn(sums, turn);
  return sums;
}

/** Adds what a turn took to `sums`. */
export function countTurn(
  sums: UsageSums,
  { createdAt, completedAt, state, usage, cost, receipt }: CountedTurn,
): void {
  sums.turns++;
  if (state === 'failed') sums.failed++;
  if (usage) {
    sums.input += usage.input;
    sums.output += usage.output;
    sums.cacheRead += usage.cacheRead;
    sums.cacheWrite += usage.cacheWrite;
    sums.reasoning += usage.reasoning;
  }
  sums.cost += cost ?? 0;
  countTime(sums.total, completedAt - createdAt);
  if (receipt?.firstDeltaMs !== undefined) countTime(sums.first, receipt.firstDeltaMs);
}

/** All readable text of a turn, one line for each item. */
export function searchText(
  { input, output }: Pick<Turn, 'input' | 'output'>,
  hidden: readonly string[],
): string {
  const lines: string[] = [];
  const add = (side: string) => (item: Item, index: number) => {
    if (hidden.includes(`${side}${index}`)) return;
    const text = textOf(item);
    if (text !== '') lines.push(text.slice(0, MOST_TEXT));
  };
  input.forEach(add('i'));
  output.forEach(add('o'));
  return lines.join('\n');
}

function textOf(item: Item): string {
  switch (item.type) {
    case 'message':
      return item.content.map(textOfPart).filter(Boolean).join(' ');
    case 'reasoning':
      return reasoningText(item);
    case 'function_call':
      return `${item.name} ${item.arguments}`;
    case 'function_call_output':
      return typeof item.output === 'string' ? item.output : item.output.map(textOfPart).join(' ');
    default: {
      const { name, input, output } = item as Record<string, unknown>;
      return [name, input, output].filter((text) => typeof text === 'string').join(' ');
    }
  }
}

function textOfPart(part: Part): string {
  if (part.type === 'input_text' || part.type === 'output_text') return part.text;
  return part.type === 'refusal' ? part.refusal : '';
}
