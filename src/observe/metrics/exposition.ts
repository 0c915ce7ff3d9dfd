import type { Metric, Series } from './registry.ts';

/** The formats in which Prometheus reads metrics. */
export type Format = 'prometheus' | 'openmetrics';

export const CONTENT_TYPES: Record<Format, string> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** The format that a scrape asks for. Prometheus prefers OpenMetrics and names it in `Accept`. */
export const formatFor = (accept: string | null): Format =>
  accept?.includes('application/openmetrics-text') ? 'openmetrics' : 'prometheus';

/** The metrics as text (Prometheus text format 0.0.4, or OpenMetrics 1.0.0). */
export function exposition(metrics: readonly Metric[], format: Format): string {
  const parts = metrics.map((metric) => familyText(metric, format));
  return parts.join('') + (format === 'openmetrics' ? '# EOF\n' : '');
}

function familyText(metric: Metric, format: Format): string {
  const { name, help, kind } = metric;
  // In OpenMetrics, a family of counters has the name without `_total`.
  const family = format === 'openmetrics' && kind === 'counter' ? name.replace(/_total$/, '') : name;
  let text = `# HELP ${family} ${escapeHelp(help, format)}\n# TYPE ${family} ${kind}\n`;
  for (const series of metric.series()) {
    const labels = labelText(metric.labelNames, series.labels);
    if (kind === 'histogram') text += histogramText(metric, series, labels);
    else text += `${name}${braced(labels)} ${numberText(series.value)}\n`;
  }
  return text;
}

function histogramText(
  { name, bounds = [] }: Metric,
  { buckets = [], value }: Series,
  labels: string,
): string {
  const separator = labels === '' ? '' : ',';
  let text = '';
  let count = 0;
  for (const [index, inBucket] of buckets.entries()) {
    count += inBucket;
    const bound = index < bounds.length ? numberText(bounds[index]!) : '+Inf';
    text += `${name}_bucket{${labels}${separator}le="${bound}"} ${count}\n`;
  }
  return `${text}${name}_sum${braced(labels)} ${numberText(value)}\n${name}_count${braced(labels)} ${count}\n`;
}

const braced = (labels: string): string => (labels === '' ? '' : `{${labels}}`);

function labelText(names: readonly string[], values: readonly string[]): string {
  let text = '';
  for (const [index, name] of names.entries()) {
    const value = values[index];
    if (!value) continue;
    text += `${text === '' ? '' : ','}${name}="${escapeValue(value)}"`;
  }
  return text;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

const escapeValue = (text: string): string =>
  /[\\"\n]/.test(text) ? text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n') : text;

function escapeHelp(text: string, format: Format): string {
  const escaped = text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
  return format === 'openmetrics' ? escaped.replace(/"/g, '\\"') : escaped;
}
