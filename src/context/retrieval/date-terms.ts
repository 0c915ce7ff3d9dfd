import { type Days, dayOf, daysNamed } from './dates.ts';

/** Dates as terms, so that they are found like words. No word contains `@`. */
const dayTerm = (day: number): string => `@d${day}`;
const monthTerm = (month: number): string => `@m${month}`;

/** Longer ranges are indexed, and looked for, by month. */
const MOST_DAYS = 14;
const MOST_MONTHS = 24;

/** Months since the epoch. */
function monthOf(day: number): number {
  const date = new Date(day * 24 * 3600 * 1000);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** The terms of the day when a text was said, and of the days that it names. */
export function dateTerms(text: string, at: number): Set<string> {
  const terms = new Set<string>();
  for (const days of [oneDay(dayOf(at)), ...daysNamed(text, at)]) {
    const isShort = days.to - days.from < MOST_DAYS;
    if (isShort) for (const term of dayTerms(days)) terms.add(term);
    for (const term of monthTerms(days)) terms.add(term);
  }
  return terms;
}

/** The terms of a passage from, or about, the days that a question names, and of those from the days after them. */
export interface AskedDays {
  terms: readonly string[];
  after: readonly string[];
}

export function askedDays(text: string, at: number, daysAfter: number): AskedDays[] {
  return joined(text, daysNamed(text, at)).map((days) =>
    days.to - days.from < MOST_DAYS
      ? { terms: dayTerms(days), after: dayTerms({ from: days.to + 1, to: days.to + daysAfter }) }
      : { terms: monthTerms(days), after: [] },
  );
}

/** "Between 11 May and 15 May" is one range. */
function joined(text: string, named: readonly Days[]): readonly Days[] {
  const [first, second] = named;
  if (named.length !== 2 || !/\b(?:between|from)\b/i.test(text)) return named;
  return [{ from: Math.min(first!.from, second!.from), to: Math.max(first!.to, second!.to) }];
}

const oneDay = (day: number): Days => ({ from: day, to: day });

const dayTerms = ({ from, to }: Days): string[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => dayTerm(from + index));

function monthTerms({ from, to }: Days): string[] {
  const first = monthOf(from);
  const count = Math.min(MOST_MONTHS, monthOf(to) - first + 1);
  return Array.from({ length: Math.max(0, count) }, (_, index) => monthTerm(first + index));
}
