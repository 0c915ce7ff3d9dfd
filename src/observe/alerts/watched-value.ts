import type { GatewayFacts } from '../metrics/gateway-facts.ts';
import type { History } from './history.ts';
import type { AlertRule } from './rule.ts';
import { quantileIn } from './totals.ts';

const HOUR_MS = 60 * 60 * 1000;
/** A spike is a spike against the mean of so many windows before. */
export const EARLIER_WINDOWS = 12;
/** With fewer, the usual cost is not known. */
const LEAST_WINDOWS = 3;

/** The value that a rule watches, in the unit of its kind; `undefined` where it is not known. */
export function watchedValue(
  rule: AlertRule,
  history: History,
  facts: GatewayFacts,
  bounds: readonly number[],
): number | undefined {
  switch (rule.when) {
    case 'breaker_open':
      return facts.broken().filter(({ state }) => state === 'open').length;
    case 'stuck_turn':
      return facts.oldestTurnMs();
    case 'disk_used': {
      const disk = facts.disk();
      return disk && 1 - disk.free / disk.size;
    }
    case 'cost_per_hour':
      return costPerHour(history, 0);
    case 'spend_spike':
      return spikeOf(history);
    case 'error_rate': {
      const turns = turnsIn(history);
      return turns && turns.count >= rule.least ? turns.errors / turns.count : undefined;
    }
    case 'latency_p95': {
      const turns = turnsIn(history);
      if (!turns || turns.count < rule.least) return undefined;
      const seconds = quantileIn(turns.durations, bounds, 0.95);
      return seconds && seconds * 1_000;
    }
  }
}

function turnsIn(history: History) {
  const window = history.window();
  if (!window) return undefined;
  const { from, to } = window;
  return {
    count: to.turns - from.turns,
    errors: to.errors - from.errors,
    durations: to.durations.map((count, index) => count - (from.durations[index] ?? 0)),
  };
}

function costPerHour(history: History, ago: number): number | undefined {
  const window = history.window(ago);
  if (!window) return undefined;
  const { from, to } = window;
  return ((to.costDollars - from.costDollars) * HOUR_MS) / (to.at - from.at);
}

/** The cost of the window against the mean of those before it. Unknown while nothing was spent before. */
function spikeOf(history: History): number | undefined {
  const now = costPerHour(history, 0);
  const earlier = Array.from({ length: EARLIER_WINDOWS }, (_, index) => costPerHour(history, index + 1));
  const known = earlier.filter((cost) => cost !== undefined);
  const mean = known.reduce((sum, cost) => sum + cost, 0) / known.length;
  return now !== undefined && known.length >= LEAST_WINDOWS && mean > 0 ? now / mean : undefined;
}
