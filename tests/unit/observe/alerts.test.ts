import { describe, expect, test } from 'bun:test';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { sentence } from '../../../src/observe/alerts/messenger.ts';
import type { AlertMessage, AlertRule } from '../../../src/observe/alerts/rule.ts';
import { quantileIn } from '../../../src/observe/alerts/totals.ts';
import { AlertWatcher } from '../../../src/observe/alerts/watcher.ts';
import type { GatewayFacts } from '../../../src/observe/metrics/gateway-facts.ts';
import { Bounds } from '../../../src/observe/metrics/label-values.ts';
import { Registry } from '../../../src/observe/metrics/registry.ts';

const MINUTE = 60_000;

const RULE: AlertRule = {
  name: 'rule',
  when: 'error_rate',
  above: 0.5,
  windowMs: 5 * MINUTE,
  least: 2,
  cooldownMs: 60 * MINUTE,
  to: ['team'],
};

/** A watcher with a clock, counts and targets of its own. */
function scene(rule: Partial<AlertRule>) {
  const registry = new Registry(new Bounds({}, 64));
  const turns = registry.counter('clawhold_turns_total', 'Turns.', 'state', 'code');
  const seconds = registry.histogram('clawhold_turn_duration_seconds', 'Time.', [1, 2, 4]);
  const cost = registry.counter('clawhold_cost_dollars_total', 'Cost.', 'provider', 'model');
  const facts = { broken: () => broken, oldestTurnMs: () => 0, disk: () => disk } as unknown as GatewayFacts;
  let broken: unknown[] = [];
  let disk: { free: number; size: number } | undefined;
  let now = 0;
  const told: AlertMessage[] = [];
  const events: GatewayEvent[] = [];
  const settings = {
    everyMs: 1e9,
    targets: { team: { kind: 'slack', url: 'http://team' } as const },
    rules: [{ ...RULE, ...rule }],
  };
  const watcher = new AlertWatcher({
    ...{
      settings,
      facts,
      registry,
      gateway: 'desk',
      clock: () => now,
      emit: (event) => void events.push(event),
    },
    send: async (_target, message) => void told.push(message),
  });
  return {
    ...{ turns, seconds, cost, told, events, watcher, settings },
    /** Checks the rule once a minute. */
    pass(minutes: number, each: () => void = () => {}) {
      for (let minute = 0; minute < minutes; minute++) {
        now += MINUTE;
        each();
        watcher.check();
      }
    },
    breaks(states: string[]) {
      broken = states.map((state) => ({ state }));
    },
    fills(free: number) {
      disk = { free, size: 100 };
    },
    states: () => told.map(({ state }) => state),
  };
}

describe('an alert', () => {
  test('fires on the share of failed turns, not on mistakes of callers', () => {
    const { turns, pass, states } = scene({});
    pass(1);
    pass(5, () => turns.add(10, 'refused', 'invalid_request'));
    expect(states()).toEqual([]);
    pass(5, () => turns.add(30, 'failed', 'provider_error'));
    expect(states()).toEqual(['firing']);
  });

  test('does not fire with few turns', () => {
    const { turns, pass, states } = scene({ least: 5 });
    pass(1);
    pass(1, () => turns.add(4, 'failed', 'provider_error'));
    expect(states()).toEqual([]);
  });

  test('that goes on is told again after its cool-down', () => {
    const { breaks, pass, states } = scene({ when: 'breaker_open', above: 0 });
    breaks(['open', 'half-open']);
    pass(59);
    expect(states()).toEqual(['firing']);
    pass(60);
    expect(states()).toEqual(['firing', 'firing']);
  });

  test('that comes and goes is told once in its cool-down, and each message of it has its end', () => {
    const { breaks, pass, states, events } = scene({ when: 'breaker_open', above: 0 });
    for (let time = 0; time < 10; time++) {
      breaks(['open']);
      pass(1);
      breaks([]);
      pass(1);
    }
    expect(states()).toEqual(['firing', 'resolved']);
    expect(events).toHaveLength(20);
  });

  test('fires on a percentile', () => {
    const { turns, seconds, pass, told } = scene({ when: 'latency_p95', above: 1_500 });
    pass(1);
    pass(1, () => {
      turns.add(10, 'completed', '');
      for (let turn = 0; turn < 10; turn++) seconds.observe(1.7);
    });
    expect(told.map(({ value }) => Math.round(value!))).toEqual([1_950]);
  });

  test('fires on the cost of an hour, and on a spike of it', () => {
    const dear = scene({ when: 'cost_per_hour', above: 20 });
    dear.pass(1);
    dear.pass(5, () => dear.cost.add(0.3, 'openai', 'gpt'));
    expect(dear.states()).toEqual([]);
    dear.pass(5, () => dear.cost.add(0.5, 'openai', 'gpt'));
    expect(dear.states()).toEqual(['firing']);
    const spike = scene({ when: 'spend_spike', above: 3 });
    spike.pass(30, () => spike.cost.add(0.1, 'openai', 'gpt'));
    expect(spike.states()).toEqual([]);
    spike.pass(5, () => spike.cost.add(0.5, 'openai', 'gpt'));
    expect(spike.states()).toEqual(['firing']);
  });

  test('fires on a full disk, and is not known without one', () => {
    const { fills, pass, states, told } = scene({ when: 'disk_used', above: 0.9 });
    pass(1);
    expect(states()).toEqual([]);
    fills(5);
    pass(1);
    expect(told[0]).toMatchObject({ state: 'firing', gateway: 'desk', value: 0.95 });
  });

  test('keeps what is known of it when another one changes', () => {
    const { breaks, pass, states, watcher, settings } = scene({ when: 'breaker_open', above: 0 });
    breaks(['open']);
    pass(1);
    watcher.reconfigure({ ...settings, rules: [...settings.rules, { ...RULE, name: 'second' }] });
    pass(1);
    expect(states()).toEqual(['firing']);
    watcher.close();
  });
});

test('a quantile is interpolated within its bucket', () => {
  expect(quantileIn([10, 0, 0, 0], [1, 2, 4], 0.5)).toBe(0.5);
  expect(quantileIn([5, 5, 0, 0], [1, 2, 4], 0.75)).toBe(1.5);
  expect(quantileIn([0, 0, 0, 3], [1, 2, 4], 0.95)).toBe(4);
  expect(quantileIn([0, 0, 0, 0], [1, 2, 4], 0.95)).toBeUndefined();
});

test('a message reads as a sentence', () => {
  const message: AlertMessage = {
    ...{ alert: 'errors', when: 'error_rate', state: 'firing', value: 0.25, above: 0.1 },
    ...{ since: '', at: '', gateway: 'desk', host: 'box' },
  };
  expect(sentence(message)).toBe(
    'Alert errors at desk on box: share of turns that failed is 25.0 % (limit: 10.0 %).',
  );
  expect(sentence({ ...message, state: 'resolved', value: undefined })).toBe(
    'Resolved: errors at desk on box: share of turns that failed is not known.',
  );
});
