import { hostname } from 'node:os';
import type { Emit } from '../../core/events.ts';
import type { GatewayFacts } from '../metrics/gateway-facts.ts';
import type { Counter, Metric, Registry } from '../metrics/registry.ts';
import { History } from './history.ts';
import { tell } from './messenger.ts';
import type { AlertMessage, AlertRule, AlertTarget } from './rule.ts';
import { durationBounds, oldestTurnMs, totalsOf } from './totals.ts';
import { EARLIER_WINDOWS, watchedValue } from './watched-value.ts';

/** What the configuration says of alerts. */
export interface AlertSettings {
  readonly everyMs: number;
  readonly targets: Readonly<Record<string, AlertTarget>>;
  readonly rules: readonly AlertRule[];
}

/** What the watcher of alerts works with. */
export interface WatcherParts {
  settings: AlertSettings;
  facts: GatewayFacts;
  registry: Registry;
  /**
   * What all processes of the gateway have counted. What it rejects with skips one check. Absent: what this one has
   * counted.
   */
  counted?(): Promise<readonly Metric[]>;
  emit: Emit;
  /** The name of the gateway in messages. */
  gateway: string;
  /** Milliseconds since the epoch. */
  clock(): number;
  send?: typeof tell;
}

/** A rule and what is known of it. */
interface Watched {
  rule: AlertRule;
  history: History;
  /** When it began to fire; absent while it does not. */
  since?: number;
  /** Its targets know that it fires. */
  wasTold: boolean;
  toldAt: number;
}

/**
 * Checks the rules again and again, and tells their targets when one begins to fire, again after each cool-down while
 * it fires, and once when it ends. A rule that ends and fires again within its cool-down is told after it.
 */
export class AlertWatcher {
  private watched: Watched[] = [];
  private readonly told: Counter;
  private timer: Timer | undefined;

  constructor(private readonly parts: WatcherParts) {
    const { registry } = parts;
    this.told = registry.counter(
      'clawhold_alert_messages_total',
      'Messages of alerts, by whether they were taken.',
      'target',
      'result',
    );
    registry.gauge(
      'clawhold_alerts_firing',
      'Whether an alert of the configuration fires: 0 or 1.',
      () => this.watched.map(({ rule, since }) => [since === undefined ? 0 : 1, rule.name] as const),
      'alert',
    );
    this.reconfigure(parts.settings);
  }

  /** Rules that did not change keep what is known of them. */
  reconfigure(settings: AlertSettings): void {
    this.parts.settings = settings;
    const before = new Map(this.watched.map((watched) => [JSON.stringify(watched.rule), watched]));
    this.watched = settings.rules.map((rule) => before.get(JSON.stringify(rule)) ?? this.begin(rule));
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.watched.length === 0) return;
    this.timer = setInterval(() => void this.checkAll(), settings.everyMs);
    this.timer.unref();
  }

  /** What was counted before the rule was there says nothing about it. */
  private begin(rule: AlertRule): Watched {
    const windows = rule.when === 'spend_spike' ? EARLIER_WINDOWS + 1 : 1;
    const history = new History(rule.windowMs, windows);
    // The counts of other processes are known at the first check.
    if (!this.parts.counted) history.add(totalsOf(this.parts.registry.metrics, this.parts.clock()));
    return { rule, history, wasTold: false, toldAt: Number.NEGATIVE_INFINITY };
  }

  private async checkAll(): Promise<void> {
    const { counted } = this.parts;
    if (!counted) return this.check();
    const metrics = await counted().catch(() => undefined);
    if (metrics) this.check(metrics, { ...this.parts.facts, oldestTurnMs: () => oldestTurnMs(metrics) });
  }

  check(metrics: readonly Metric[] = this.parts.registry.metrics, facts = this.parts.facts): void {
    const { clock } = this.parts;
    const now = clock();
    const totals = totalsOf(metrics, now);
    const bounds = durationBounds(metrics);
    for (const watched of this.watched) {
      watched.history.add(totals);
      const value = watchedValue(watched.rule, watched.history, facts, bounds);
      if (value !== undefined && value > watched.rule.above) this.fires(watched, value, now);
      else if (watched.since !== undefined) this.ends(watched, watched.since, value, now);
    }
  }

  close(): void {
    clearInterval(this.timer);
  }

  private fires(watched: Watched, value: number, now: number): void {
    const { rule } = watched;
    if (watched.since === undefined) {
      watched.since = now;
      this.parts.emit({ type: 'alert-changed', alert: rule.name, state: 'firing', value, above: rule.above });
    }
    if (now - watched.toldAt < rule.cooldownMs) return;
    watched.toldAt = now;
    watched.wasTold = true;
    this.tellAll(rule, { state: 'firing', value, since: watched.since, now });
  }

  private ends(watched: Watched, since: number, value: number | undefined, now: number): void {
    const { rule } = watched;
    watched.since = undefined;
    this.parts.emit({ type: 'alert-changed', alert: rule.name, state: 'resolved', value, above: rule.above });
    if (!watched.wasTold) return;
    watched.wasTold = false;
    this.tellAll(rule, { state: 'resolved', value, since, now });
  }

  private tellAll(
    { name, when, above, to }: AlertRule,
    { since, now, ...told }: Pick<AlertMessage, 'state' | 'value'> & { since: number; now: number },
  ): void {
    const { settings, gateway, send = tell } = this.parts;
    const [sinceText, at] = [since, now].map((ms) => new Date(ms).toISOString()) as [string, string];
    const message = { alert: name, when, ...told, above, since: sinceText, at, gateway, host: hostname() };
    for (const target of to) {
      const { [target]: found } = settings.targets;
      if (!found) continue;
      send(found, message).then(
        () => this.told.add(1, target, 'taken'),
        () => {
          this.told.add(1, target, 'failed');
          this.parts.emit({ type: 'alert-untold', alert: name, target });
        },
      );
    }
  }
}
