import type { Emit } from '../../core/events.ts';
import { CallMetrics } from './call-metrics.ts';
import type { GatewayFacts } from './gateway-facts.ts';
import { Bounds } from './label-values.ts';
import { Registry } from './registry.ts';
import { StateMetrics } from './state-metrics.ts';
import { TurnMetrics } from './turn-metrics.ts';

/** Callers may name any model, and operators have many keys: the other labels have few values by themselves. */
const MOST_VALUES = { model: 200, key: 200, route: 100, code: 100 };
const MOST_OTHER_VALUES = 64;

/** The metrics of the gateway (docs/observability.md), and the listener that counts. */
export interface GatewayMetrics {
  registry: Registry;
  listen: Emit;
}

export function gatewayMetrics(facts: GatewayFacts): GatewayMetrics {
  const registry = new Registry(new Bounds(MOST_VALUES, MOST_OTHER_VALUES));
  const turns = new TurnMetrics(registry);
  const calls = new CallMetrics(registry);
  const state = new StateMetrics(registry, facts);
  return {
    registry,
    listen(event) {
      turns.listen(event);
      calls.listen(event);
      state.listen(event);
    },
  };
}
