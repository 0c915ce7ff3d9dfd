import { z } from 'zod';
import { flag, list, name, oneOf, secret, section, share, text, wholeNumber } from './setting.ts';

/** Settings about what operators see of the gateway: metrics, telemetry, alerts. */

const DAY_MS = 24 * 60 * 60 * 1000;

const httpUrl = () => text('a URL that begins with http:// or https://', /^https?:\/\/[^\s/]+\S*$/);

export const metrics = section({
  port: wholeNumber(0, 65_535).optional().meta({
    description: 'A port of its own for `/metrics`. Absent: the port of the gateway. 0 takes any free port.',
    example: '9464',
    restart: true,
  }),
  host: text('a host name or address', /^\S+$/).default('127.0.0.1').meta({
    description: 'The address of the port of its own.',
    restart: true,
  }),
  key: secret(16)
    .optional()
    .meta({
      description:
        'A key that opens only `/metrics`, sent as `Authorization: Bearer <key>`. On the port of the gateway, the root key ' +
        'opens it, too. On a port of its own, no key is needed without this setting.',
      example: `\${METRICS_KEY:-change-me-to-a-long-secret}`,
    }),
});

export const telemetry = section({
  endpoint: httpUrl()
    .optional()
    .meta({
      description:
        'The base URL of an OpenTelemetry collector that takes OTLP over HTTP (JSON). Absent: OTEL_EXPORTER_OTLP_ENDPOINT, ' +
        'and without that nothing is sent.',
      example: 'http://127.0.0.1:4318',
      restart: true,
    }),
  headers: z
    .record(
      text('the name of a header', /^[\w!#$%&'*+.^`|~-]+$/),
      secret(1).meta({ description: 'The value of one header.' }),
    )
    .prefault({})
    .meta({
      description: 'Headers for the collector, for example its key. OTEL_EXPORTER_OTLP_HEADERS adds to them.',
      example: '{ x-collector-key: change-me }',
    }),
  service_name: text('a name', /\S/).default('clawhold').meta({
    description: 'The name under which the collector knows this gateway. OTEL_SERVICE_NAME takes precedence.',
    restart: true,
  }),
  traces: flag()
    .default(true)
    .meta({ description: 'Send traces, where there is an endpoint.', restart: true }),
  metrics: flag().default(false).meta({ description: 'Send metrics, too.', restart: true }),
  logs: flag().default(false).meta({ description: 'Send the lines of the log, too.', restart: true }),
  sample: share()
    .default(0.01)
    .meta({
      description:
        'The share of traces that are sent. Those of turns that failed or were slow are always sent, and a caller that ' +
        'sends `traceparent` decides for its own.',
    }),
  slow_ms: wholeNumber(1, DAY_MS).default(30_000).meta({
    description: 'From this time on, a turn is slow, in milliseconds.',
  }),
  content: flag().default(false).meta({
    description:
      'Put what was asked and answered into traces. Without it, no content leaves the gateway this way.',
  }),
  metrics_ms: wholeNumber(1_000, DAY_MS).default(60_000).meta({
    description: 'How often metrics are sent, in milliseconds.',
    restart: true,
  }),
});

const target = section({
  kind: oneOf(['webhook', 'slack', 'command']).meta({
    description:
      'A webhook that gets JSON with a signature, a webhook that takes messages as Slack does, or a command of this machine.',
  }),
  // The address of a webhook of Slack is a key.
  url: httpUrl().optional().meta({ description: 'Of a webhook.', secret: true }),
  secret: secret(16)
    .optional()
    .meta({ description: 'Signs the messages to a webhook (docs/observability.md).' }),
  command: list(text('a text', /^[^\0]*$/), 'a list of texts')
    .optional()
    .meta({
      description: 'The program and its arguments. It gets the alert as JSON on its standard input.',
      secret: true,
    }),
});

const rule = section({
  name: name('letters, digits or . _ -', /^[\w.-]{1,64}$/).meta({ description: 'The name of the alert.' }),
  when: oneOf([
    'error_rate',
    'latency_p95',
    'cost_per_hour',
    'spend_spike',
    'breaker_open',
    'stuck_turn',
    'disk_used',
  ]).meta({
    description:
      'What is watched: the share of turns that failed; the 95th percentile of the time of turns, in milliseconds; US ' +
      'dollars per hour; the cost against that of the windows before, as a factor; the number of models that are not ' +
      'called; the age of the oldest running turn, in milliseconds; the used share of the disk.',
  }),
  above: z
    .number({ error: 'expected a number, 0 or more' })
    .min(0, { error: 'expected a number, 0 or more' })
    .meta({ expected: 'a number, 0 or more', description: 'The alert fires above this value.' }),
  window_ms: wholeNumber(1_000, DAY_MS).default(300_000).meta({
    description: 'The time that rates, percentiles and costs are about, in milliseconds.',
  }),
  least: wholeNumber(1, 1e9).default(10).meta({
    description:
      'With fewer turns in the window, rates and percentiles say too little, and the alert does not fire.',
  }),
  cooldown_ms: wholeNumber(0, 30 * DAY_MS)
    .default(3_600_000)
    .meta({
      description: 'How long an alert that still fires is not told again, in milliseconds.',
    }),
  to: list(name('the name of a target', /^[\w.-]{1,64}$/), 'a list of targets').meta({
    description: 'The targets that are told.',
  }),
});

export const alerts = section({
  every_ms: wholeNumber(100, 3_600_000).default(10_000).meta({
    description: 'How often the rules are checked, in milliseconds.',
  }),
  targets: z
    .record(text('letters, digits or . _ -', /^[\w.-]{1,64}$/), target)
    .prefault({})
    .meta({
      description: 'Who is told, by name.',
      example: `
team: { kind: slack, url: '\${SLACK_URL:-https://hooks.slack.example/services/x}' }
pager: { kind: webhook, url: https://pager.example/alerts, secret: '\${PAGER_SECRET:-change-me-to-a-long-secret}' }
`,
    }),
  rules: list(rule, 'a list of rules')
    .prefault([])
    .meta({
      description: 'When they are told.',
      example: `
- { name: errors, when: error_rate, above: 0.1, to: [team, pager] }
- { name: slow, when: latency_p95, above: 60000, window_ms: 600000, to: [team] }
- { name: spending, when: cost_per_hour, above: 20, window_ms: 3600000, to: [team] }
- { name: stuck, when: stuck_turn, above: 1800000, to: [pager] }
- { name: disk, when: disk_used, above: 0.9, to: [pager] }
`,
    }),
});
