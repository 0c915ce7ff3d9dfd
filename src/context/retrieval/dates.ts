/** Days since the epoch, in UTC, both included. */
export interface Days {
  from: number;
  to: number;
}

const DAY = 24 * 3600 * 1000;

/** The day of a time in milliseconds since the epoch. */
export const dayOf = (at: number): number => Math.floor(at / DAY);

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const WEEKDAYS = 'sun mon tue wed thu fri sat'.split(' ');
const NUMBERS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ');

const MONTH =
  '(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\\b\\.?';
const WEEKDAY =
  '(mon(?:day)?|tues?(?:day)?|wed(?:nesday)?|thur?s?(?:day)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)';
const DAY_OF_MONTH = '(\\d{1,2})(?:st|nd|rd|th)?';
const YEAR = '(?:,? +((?:19|20)\\d\\d))?';
const COUNT = `(\\d{1,3}|an?|${NUMBERS.join('|')}|(?:a )?couple(?: of)?|(?:a )?few)`;

interface Form {
  pattern: RegExp;
  /** `groups` are the captures of the pattern, in lower case. Returns nothing where they name no day. */
  days(groups: readonly (string | undefined)[], now: number): Days | undefined;
}

const form = (pattern: string, days: Form['days']): Form => ({
  pattern: new RegExp(`\\b${pattern}\\b`, 'gi'),
  days,
});

/** The forms in which a text names days. An earlier form hides the later ones where they overlap. */
const FORMS: readonly Form[] = [
  form('(\\d{4})-(\\d\\d)-(\\d\\d)', ([year, month, day]) => single(+year!, +month! - 1, +day!)),
  form(`${DAY_OF_MONTH}(?: of)? +${MONTH}${YEAR}`, ([day, month, year], now) =>
    dated(day!, month!, year, now),
  ),
  form(`${MONTH} +${DAY_OF_MONTH}(?!\\d)${YEAR}`, ([month, day, year], now) =>
    dated(day!, month!, year, now),
  ),
  form(`${MONTH},? +((?:19|20)\\d\\d)`, ([month, year]) => monthOf(+year!, monthNumber(month!))),
  form(`(?:in|since|during|of|last|this|early|late|mid|until|by) +${MONTH}`, ([month], now) =>
    monthOf(yearOf(monthNumber(month!), 1, now), monthNumber(month!)),
  ),
  form('(?:in|since|during|of) +((?:19|20)\\d\\d)', ([year]) =>
    between(day(+year!, 0, 1), day(+year!, 11, 31)),
  ),
  form('day before yesterday', (_, now) => one(now - 2)),
  form('(?:yesterday|last night)', (_, now) => one(now - 1)),
  form('(?:today|tonight|this (?:morning|afternoon|evening))', (_, now) => one(now)),
  form('tomorrow', (_, now) => one(now + 1)),
  form(`${COUNT} +(day|week|month|year)s? +ago`, ([count, unit], now) => ago(numberOf(count!), unit!, now)),
  form(`(last|this|past|next|on|this past) +${WEEKDAY}`, ([which, weekday], now) =>
    onWeekday(which!, weekday!, now),
  ),
  form('(last|this|past|next|this past) +(week|weekend|month|year)', ([which, unit], now) =>
    spanOf(unit!, which === 'this' ? 0 : which === 'next' ? 1 : -1, now),
  ),
];

/** A name of a month or weekday, or a word of a relative date; other texts name no day. */
const HINT =
  /\d{4}|day\b|ago\b|last|this|next|tonight|tomorrow|past|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|\bon /i;

/** Characters of a text that are read. */
const LONGEST = 20_000;
/** Ranges that are taken from one text. */
const MOST = 16;

/** The days that a text names. Relative dates, and dates without a year, are resolved against `at`. */
export function daysNamed(text: string, at: number): Days[] {
  if (!HINT.test(text)) return [];
  const now = dayOf(at);
  let rest = text.slice(0, LONGEST);
  const found: Days[] = [];
  for (const { pattern, days } of FORMS) {
    rest = rest.replace(pattern, (match: string, ...captures: unknown[]) => {
      const groups = captures.map((group) => (typeof group === 'string' ? group.toLowerCase() : undefined));
      const named = days(groups, now);
      if (!named || found.length >= MOST) return match;
      found.push(named);
      return ' ';
    });
  }
  return found;
}

const day = (year: number, month: number, date: number): number => Date.UTC(year, month, date) / DAY;
const one = (number: number): Days => ({ from: number, to: number });
const between = (from: number, to: number): Days => ({ from, to });
const monthOf = (year: number, month: number): Days => between(day(year, month, 1), day(year, month + 1, 0));
const monthNumber = (name: string): number => MONTHS.indexOf(name.slice(0, 3));

function single(year: number, month: number, date: number): Days | undefined {
  return month >= 0 && month < 12 && date >= 1 && date <= 31 ? one(day(year, month, date)) : undefined;
}

function dated(date: string, monthName: string, year: string | undefined, now: number): Days | undefined {
  const month = monthNumber(monthName);
  return single(year === undefined ? yearOf(month, +date, now) : +year, month, +date);
}

/** The year in which a day without a year is closest to now. */
function yearOf(month: number, date: number, now: number): number {
  const year = new Date(now * DAY).getUTCFullYear();
  const distance = (candidate: number): number => Math.abs(day(candidate, month, date) - now);
  return [year, year - 1, year + 1].reduce((best, next) => (distance(next) < distance(best) ? next : best));
}

function numberOf(text: string): number {
  if (/^\d/.test(text)) return +text;
  if (text.includes('couple')) return 2;
  if (text.includes('few')) return 3;
  return Math.max(1, NUMBERS.indexOf(text));
}

function ago(count: number, unit: string, now: number): Days {
  if (unit === 'day') return one(now - count);
  return spanOf(unit, -count, now);
}

/** The week (from Monday), weekend, month or year of now, moved by `offset` of them. */
function spanOf(unit: string, offset: number, now: number): Days {
  const date = new Date(now * DAY);
  const year = date.getUTCFullYear();
  const monday = now - ((date.getUTCDay() + 6) % 7) + 7 * offset;
  if (unit === 'week') return between(monday, monday + 6);
  if (unit === 'weekend') return between(monday + 5, monday + 6);
  if (unit === 'month') return monthOf(year, date.getUTCMonth() + offset);
  return between(day(year + offset, 0, 1), day(year + offset, 11, 31));
}

/** `on Friday` is the closest Friday before now, as is `last Friday`. */
function onWeekday(which: string, name: string, now: number): Days {
  const weekday = WEEKDAYS.indexOf(name.slice(0, 3));
  const today = new Date(now * DAY).getUTCDay();
  const after = (weekday - today + 7) % 7 || 7;
  return one(which === 'next' || which === 'this' ? now + after : now + after - 7 - (after === 7 ? 7 : 0));
}
