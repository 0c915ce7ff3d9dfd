import { z } from 'zod';
import { published } from '../published.ts';
import { page, text, time, usd } from './schema-parts.ts';

/**
 * The forms of replies about the gateway itself: claws, models, usage, settings, tenants, sign-ins and events. They are
 * not checked at run time; tests compare them with replies.
 */

const Allowance = z.strictObject({
  limit: z.number().nullable(),
  remaining: z.number(),
  resets_in_ms: z.number(),
});
const Percentiles = z.strictObject({
  p50: z.int().nullable(),
  p95: z.int().nullable(),
  p99: z.int().nullable(),
});

const ModelHealth = z.strictObject({
  name: z.string(),
  breaker: z.enum(['closed', 'open', 'half-open']),
  breaker_reason: z.string().nullable(),
  available_in_ms: z.int(),
  in_flight: z.int(),
  first_token_ms: z.number().nullable(),
  first_token_p95_ms: z.number().nullable(),
  tokens_per_second: z.number().nullable(),
  limits_left: z
    .strictObject({ requests: Allowance.nullable(), tokens: Allowance.nullable() })
    .nullable()
    .describe('As the provider stated it last.'),
  errors: z.record(z.string(), z.int()).describe('Failed calls by code, since the start of the process.'),
  last_errors: z.array(z.strictObject({ at: time, code: z.string(), turn: z.string() })),
});

export const Claw = published(
  'AdminClaw',
  z.strictObject({
    object: z.literal('claw'),
    name: z.string(),
    provider: z.string(),
    instance: z.string().nullable(),
    protocols: z.array(z.string()),
    on: z.boolean(),
    turn_on_with: text('What to set, where it is off.'),
    region: z.string().nullable(),
    health: z.enum(['well', 'weak', 'ill', 'off', 'unused']),
    models: z.array(ModelHealth).describe('The models that were called since the start of the process.'),
    last_day: z
      .strictObject({
        turns: z.int(),
        failed_turns: z.int(),
        cost_usd: usd,
        total_ms: Percentiles,
        first_token_ms: Percentiles,
      })
      .nullable(),
  }),
);
export const ClawList = published('AdminClawList', page(Claw));

const perMillion = z.number().nullable().describe('US dollars per million tokens.');
export const ModelInfo = published(
  'AdminModel',
  z.strictObject({
    object: z.literal('model'),
    name: z.string(),
    context: z.int().nullable(),
    output: z.int().nullable(),
    input_price: perMillion,
    output_price: perMillion,
    cache_read_price: perMillion,
    cache_write_price: perMillion,
    reasons: z.boolean().nullable(),
    tools: z.boolean().nullable(),
    inputs: z.array(z.string()).nullable(),
  }),
);
export const ModelInfoList = published('AdminModelList', page(ModelInfo));

export const ClawTest = published(
  'AdminClawTest',
  z.strictObject({
    object: z.literal('claw_test'),
    ok: z.boolean(),
    model: z.string(),
    ms: z.int(),
    first_token_ms: z.number().nullable(),
    cost_usd: usd.nullable(),
    error: z.string().nullable(),
    message: z.string().nullable(),
  }),
);

export const UsageRow = published(
  'AdminUsageRow',
  z.strictObject({
    object: z.literal('usage'),
    from: time.nullable().describe('The start of the row, where `by` has a time.'),
    tenant: z.string().optional(),
    key: z.string().optional(),
    user: z.string().optional(),
    model: z.string().optional(),
    claw: z.string().optional(),
    alias: z.string().optional(),
    turns: z.int(),
    failed_turns: z.int(),
    input_tokens: z.int(),
    output_tokens: z.int(),
    cache_read_tokens: z.int(),
    cache_write_tokens: z.int(),
    reasoning_tokens: z.int(),
    cache_share: z.number().describe('The part of the input that came from prompt caches, 0 to 1.'),
    cost_usd: usd,
    total_ms: Percentiles,
    first_token_ms: Percentiles,
  }),
);
export const UsageList = published('AdminUsageList', page(UsageRow));

export const Setting = published(
  'AdminSetting',
  z.strictObject({
    object: z.literal('setting'),
    name: z.string().describe('As in the file: `claws.openai.base_url`.'),
    value: z.unknown().describe('Null for a secret, and for a setting without a value.'),
    is_secret: z.boolean(),
    is_set: z.boolean(),
    origin: z.string().describe('The variable, the line of the file, or `default`.'),
    description: z.string().nullable(),
    needs_restart: z.boolean().describe('A change takes effect only at a start.'),
  }),
);
export const SettingList = published('AdminSettingList', page(Setting));

export const SignIn = published(
  'AdminSignIn',
  z.strictObject({
    object: z.literal('sign_in'),
    tenant: text('The tenant of the root key; null where nobody is signed in.'),
    expires_at: time.nullable().describe('When the sign-in ends.'),
  }),
);

export const Tenant = published(
  'AdminTenant',
  z.strictObject({ object: z.literal('tenant'), id: z.string() }),
);
export const TenantList = published('AdminTenantList', page(Tenant));

const turnEvent = {
  turn: z.string(),
  tenant: z.string(),
  session: z.string(),
  key: z.string().nullable(),
  asked_model: z.string().nullable(),
};

/** The data of each event of `/admin/v1/events`; its type is also the name of the event. */
export const EVENTS = {
  turn_started: z.strictObject({ type: z.literal('turn_started'), at: time, ...turnEvent }),
  turn_ended: z.strictObject({
    type: z.literal('turn_ended'),
    at: time,
    ...turnEvent,
    state: z.string(),
    error: z.string().nullable(),
    model: z.string().nullable(),
    ms: z.int(),
    input_tokens: z.int(),
    output_tokens: z.int(),
    cost_usd: usd.nullable(),
  }),
  call_failed: z.strictObject({
    type: z.literal('call_failed'),
    at: time,
    turn: z.string(),
    model: z.string(),
    error: z.string(),
  }),
  claw_changed: z.strictObject({
    type: z.literal('claw_changed'),
    at: time,
    model: z.string(),
    breaker: z.enum(['closed', 'open', 'half-open']),
    reason: z.string().nullable(),
  }),
  overload_changed: z
    .strictObject({ type: z.literal('overload_changed'), at: time, level: z.string() })
    .describe('The level of overload of one worker has changed.'),
  minute: z
    .strictObject({
      type: z.literal('minute'),
      at: time,
      turns: z.int(),
      failed_turns: z.int(),
      input_tokens: z.int(),
      output_tokens: z.int(),
      cost_usd: usd,
      running: z.int(),
      overload: z.string().describe('The level of overload: the worst of all workers.'),
    })
    .describe('What the last minute had; sent every few seconds.'),
  missed: z
    .strictObject({ type: z.literal('missed'), at: time, events: z.int() })
    .describe(
      'So many events are left out: the reader was too slow, or another worker had too many at once.',
    ),
} as const;
export const AdminEvent = published('AdminEvent', z.union(Object.values(EVENTS)));
