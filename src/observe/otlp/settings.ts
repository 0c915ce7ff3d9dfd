/** Where telemetry goes, and what of it. */
export interface TelemetrySettings {
  /** The URL of each signal; those that are not sent are absent. */
  readonly urls: Partial<Record<Signal, string>>;
  readonly resource: Readonly<Record<string, string>>;
  /** Of one export, in milliseconds. */
  readonly timeoutMs: number;
  readonly compresses: boolean;
  /** The share of traces in the environment; absent: the configuration says it. */
  readonly sample?: number;
  readonly metricsMs: number;
}

const SIGNALS = ['traces', 'metrics', 'logs'] as const;
/** A kind of telemetry, in the word of OpenTelemetry. */
export type Signal = (typeof SIGNALS)[number];

/** The settings of the configuration that the variables of OpenTelemetry complete. */
export interface ConfiguredTelemetry extends Readonly<Record<Signal, boolean>> {
  readonly endpoint?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly metricsMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * The settings with the variables of OpenTelemetry ("Environment Variable Specification", "OTLP Exporter
 * Configuration"). A variable about one signal comes before one about all of them. The address in the configuration
 * comes before the general variable.
 */
export function telemetrySettings(
  configured: ConfiguredTelemetry,
  env: Environment,
  version: string,
): TelemetrySettings {
  const off = env.OTEL_SDK_DISABLED?.toLowerCase() === 'true';
  const urls = off ? {} : Object.fromEntries(SIGNALS.flatMap((signal) => urlOf(signal, configured, env)));
  const metricsMs = Number(env.OTEL_METRIC_EXPORT_INTERVAL) || configured.metricsMs;
  return {
    urls,
    resource: {
      'service.name': configured.serviceName,
      'service.version': version,
      ...pairsOf(env.OTEL_RESOURCE_ATTRIBUTES),
      ...(env.OTEL_SERVICE_NAME && { 'service.name': env.OTEL_SERVICE_NAME }),
    },
    timeoutMs: Number(env.OTEL_EXPORTER_OTLP_TIMEOUT) || DEFAULT_TIMEOUT_MS,
    compresses: env.OTEL_EXPORTER_OTLP_COMPRESSION === 'gzip',
    sample: sampleOf(env),
    metricsMs,
  };
}

function urlOf(signal: Signal, configured: ConfiguredTelemetry, env: Environment): [Signal, string][] {
  const upper = signal.toUpperCase();
  const exporter = env[`OTEL_${upper}_EXPORTER`];
  if (exporter === 'none' || (!configured[signal] && exporter !== 'otlp')) return [];
  const own = env[`OTEL_EXPORTER_OTLP_${upper}_ENDPOINT`];
  if (own) return [[signal, own]];
  const base = configured.endpoint ?? env.OTEL_EXPORTER_OTLP_ENDPOINT;
  return base ? [[signal, `${base.replace(/\/+$/, '')}/v1/${signal}`]] : [];
}

/** What the collector wants to be told with every export. */
export const telemetryHeaders = (
  { headers }: Pick<ConfiguredTelemetry, 'headers'>,
  env: Environment,
): Record<string, string> => ({ ...headers, ...pairsOf(env.OTEL_EXPORTER_OTLP_HEADERS) });

/** `key=value,key=value`, with percent-encoded values (W3C Baggage). */
function pairsOf(text = ''): Record<string, string> {
  const pairs = text.split(',').flatMap((pair) => {
    const mark = pair.indexOf('=');
    return mark > 0 ? [[pair.slice(0, mark).trim(), decoded(pair.slice(mark + 1).trim())] as const] : [];
  });
  return Object.fromEntries(pairs);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function sampleOf({
  OTEL_TRACES_SAMPLER: sampler,
  OTEL_TRACES_SAMPLER_ARG: argument,
}: Environment): number | undefined {
  if (sampler?.endsWith('always_on')) return 1;
  if (sampler?.endsWith('always_off')) return 0;
  const share = Number(argument);
  return sampler?.endsWith('traceidratio') && argument && share >= 0 && share <= 1 ? share : undefined;
}
