/** Numbers and times as people read them. */

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

export const count = (value: number): string => whole.format(value);

/** `12.3K` */
export const compact = (value: number): string =>
  value < 10_000 ? whole.format(value) : short.format(value);

/** US dollars, with more digits the smaller they are. */
export function money(usd: number | null | undefined): string {
  if (usd === null || usd === undefined) return '–';
  if (usd === 0) return '$0';
  const digits = usd >= 100 ? 0 : usd >= 1 ? 2 : usd >= 0.01 ? 3 : 6;
  return `$${usd.toLocaleString('en', { minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: digits })}`;
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
}

const AGES: readonly (readonly [number, number, Intl.RelativeTimeFormatUnit])[] = [
  [60_000, 1_000, 'second'],
  [3_600_000, 60_000, 'minute'],
  [86_400_000, 3_600_000, 'hour'],
  [Number.POSITIVE_INFINITY, 86_400_000, 'day'],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });

/** `5 min. ago` */
export function ago(time: string): string {
  const ms = Date.now() - Date.parse(time);
  const [, unit, name] = AGES.find(([limit]) => ms < limit)!;
  return relative.format(-Math.round(ms / unit), name);
}

const moments = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
export const moment = (time: string): string => moments.format(new Date(time));

const hours = new Intl.DateTimeFormat('en', { timeStyle: 'short' });
const days = new Intl.DateTimeFormat('en', {
  month: 'short',
  day: 'numeric',
  hour: 'numeric',
  minute: '2-digit',
});

/** A time of today without its day. */
export function shortMoment(time: string): string {
  const date = new Date(time);
  return (date.toDateString() === new Date().toDateString() ? hours : days).format(date);
}

export const percent = (share: number): string =>
  `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;

/** An id as a list shows it: its kind and its last characters. */
export const shortId = (id: string): string => (id.length > 16 ? `${id.slice(0, 5)}…${id.slice(-7)}` : id);
