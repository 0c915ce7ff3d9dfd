/** What an alert watches (`alerts.rules[].when`). */
export type AlertKind =
  | 'error_rate'
  | 'latency_p95'
  | 'cost_per_hour'
  | 'spend_spike'
  | 'breaker_open'
  | 'stuck_turn'
  | 'disk_used';

/** A rule of the configuration. Times are in milliseconds. */
export interface AlertRule {
  readonly name: string;
  readonly when: AlertKind;
  /** The alert fires above this value, in the unit of its kind. */
  readonly above: number;
  readonly windowMs: number;
  /** With fewer turns in the window, rates and percentiles are not known. */
  readonly least: number;
  readonly cooldownMs: number;
  readonly to: readonly string[];
}

/** Who is told. What its kind needs is there: the configuration checks it. */
export interface AlertTarget {
  readonly kind: 'webhook' | 'slack' | 'command';
  readonly url?: string;
  readonly secret?: string;
  readonly command?: readonly string[];
}

/** What is told: the alert fires, or it does so no more. It never has content or keys in it. */
export interface AlertMessage {
  alert: string;
  when: AlertKind;
  state: 'firing' | 'resolved';
  /** In the unit of `when`. Absent: not known any more. */
  value?: number;
  above: number;
  /** ISO 8601. */
  since: string;
  at: string;
  /** The name of the gateway (`telemetry.service_name`) and of its machine. */
  gateway: string;
  host: string;
}
