import type { AnswerUsage } from './gateway-api.ts';

/** `1,204 (1,000 cached) in, 88 out · $0.0031` */
export function usageNote(usage: AnswerUsage | undefined, model: string, dot: string): string {
  if (!usage) return 'the provider reported no tokens';
  const cached = usage.cached > 0 ? ` (${count(usage.cached)} cached)` : '';
  const thought = usage.reasoning > 0 ? ` (${count(usage.reasoning)} reasoning)` : '';
  const parts = [`${count(usage.input)}${cached} in, ${count(usage.output)}${thought} out`];
  if (usage.cost !== undefined) parts.push(money(usage.cost, usage.estimated));
  else parts.push(model.startsWith('local/') ? 'free' : 'price unknown');
  return parts.join(` ${dot} `);
}

export function count(tokens: number): string {
  return tokens.toLocaleString('en-US');
}

/** Below one cent: two significant digits, so that a small cost is not shown as zero. */
export function money(dollars: number, estimated = false): string {
  if (estimated) return `about ${money(dollars)}`;
  if (dollars === 0) return '$0';
  if (dollars >= 0.01) return `$${dollars.toFixed(dollars >= 1 ? 2 : 3)}`;
  const rounded = Number(dollars.toPrecision(2));
  return `$${rounded.toFixed(Math.min(9, 1 - Math.floor(Math.log10(rounded))))}`;
}

/** `just now`, `5 minutes ago`, `3 days ago` */
export function ago(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return amount(minutes, 'minute');
  if (minutes < 48 * 60) return amount(Math.floor(minutes / 60), 'hour');
  return amount(Math.floor(minutes / (24 * 60)), 'day');
}

function amount(number: number, unit: string): string {
  return `${number} ${unit}${number === 1 ? '' : 's'} ago`;
}
