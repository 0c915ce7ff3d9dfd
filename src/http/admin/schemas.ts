import { z } from 'zod';
import { published } from '../published.ts';
import { Receipt } from '../v1/responses/receipt.ts';
import { OutputItem } from '../v1/responses/schemas.ts';

/** The forms of the replies of the management API. They are not checked at run time; tests compare them with replies. */

export const page = <Entry extends z.ZodType>(entry: Entry) =>
  z.strictObject({
    object: z.literal('list'),
    data: z.array(entry),
    next_cursor: z
      .string()
      .nullable()
      .describe('`cursor` of the next page; a page may be short and yet have one.'),
  });

const time = z.string().describe('RFC 3339, UTC.');
const usd = z.number().describe('US dollars.');
const text = (what: string) => z.string().nullable().describe(what);

export const Session = published(
  'AdminSession',
  z.strictObject({
    object: z.literal('session'),
    id: z.string(),
    tenant: z.string(),
    name: text('As its callers name it.'),
    tags: z.array(z.string()).describe("The operator's words for it."),
    metadata: z.record(z.string(), z.string()),
    has_record: z.boolean().describe('False for a chain of responses that nobody has named.'),
    head: text('The turn that the next one follows.'),
    created_at: time,
    updated_at: time.describe('When its latest turn ended.'),
    turns: z.int(),
    failed_turns: z.int(),
    input_tokens: z.int(),
    output_tokens: z.int(),
    cost_usd: usd,
    model: text('The model that answered last.'),
    key: text('The key that asked last.'),
    user: text('The user that asked last.'),
    state: text('How the latest turn ended.'),
    error: text('Why the latest turn failed.'),
  }),
);
export const SessionList = published('AdminSessionList', page(Session));

const Value = z.strictObject({ key: z.string(), value: z.unknown(), version: z.int(), updated_at: time });
const Pin = z.strictObject({
  id: z.string(),
  kind: z.string(),
  text: z.string(),
  turn: z.string(),
  item: z.string(),
});

export const SessionDetail = published(
  'AdminSessionDetail',
  Session.extend({
    object: z.literal('session'),
    values: z.array(Value),
    pins: z.array(Pin).describe('Standing instructions and preferences in force.'),
  }),
);

export const TreeNode = published(
  'AdminTreeNode',
  z.strictObject({
    id: z.string(),
    parent: z.string().nullable(),
    state: z.string(),
    model: text('As its caller named it; null where items were appended.'),
    created_at: time,
    tokens: z.int().describe('Context tokens of the turn.'),
    total_tokens: z.int().describe('Context tokens of the branch up to the turn.'),
    line: z.int().nullable().describe('Null: beside every line, because nobody saw an output.'),
    deleted: z.boolean(),
  }),
);
export const Tree = published(
  'AdminTree',
  z.strictObject({
    object: z.literal('tree'),
    session: z.string(),
    head: z.string().nullable(),
    turns: z.array(TreeNode).describe('All turns, in the order in which they were stored.'),
  }),
);

const Attempt = z.looseObject({
  model: z.string(),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cost_usd: usd.optional(),
  error: text('Why the call ended early.').optional(),
});

export const Turn = published(
  'AdminTurn',
  z.strictObject({
    object: z.literal('turn'),
    id: z.string(),
    tenant: z.string(),
    session: z.string(),
    parent: z.string().nullable(),
    kind: z.enum(['ask', 'append']),
    state: z.string(),
    deleted: z.boolean(),
    line: z.int().nullable(),
    tokens: z.int(),
    total_tokens: z.int(),
    created_at: time,
    ended_at: time,
    dialect: z.string(),
    asked_model: text('The model as the caller named it.'),
    model: text('The model that answered, as `provider/model`.'),
    instance: text('The instance of the provider that answered.'),
    key: text('The key that asked.'),
    user: text('The end user that asked.'),
    instructions: z.string().nullable(),
    settings: z.record(z.string(), z.unknown()),
    metadata: z.record(z.string(), z.string()),
    input: z.array(OutputItem),
    output: z.array(OutputItem),
    hidden: z.array(z.string()).describe('The ids of items that no view and no model gets.'),
    finish: z.array(z.looseObject({})),
    error: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
    usage: z
      .strictObject({
        input_tokens: z.int(),
        output_tokens: z.int(),
        cache_read_tokens: z.int(),
        cache_write_tokens: z.int(),
        reasoning_tokens: z.int(),
      })
      .nullable(),
    cost_usd: usd.nullable(),
    attempts: z.array(Attempt).describe('The calls that made the answer, if there were several.'),
    receipt: Receipt.nullable(),
    origin: z
      .looseObject({ kind: z.string() })
      .nullable()
      .describe('Where a copied or imported turn comes from.'),
  }),
);
export const TurnList = published('AdminTurnList', page(Turn));

export const Asked = published(
  'AdminTurnAsked',
  z.strictObject({ object: z.literal('turn.asked'), id: z.string(), session: z.string() }),
);

export const SearchHit = published(
  'AdminSearchHit',
  z.strictObject({
    object: z.literal('hit'),
    session: z.string(),
    session_name: z.string().nullable(),
    turn: z.string(),
    created_at: time,
    snippet: z.string().describe('The text around the words; `[` and `]` enclose what was found.'),
  }),
);
export const SearchList = published('AdminSearchList', page(SearchHit));

export const RunningTurn = published(
  'AdminRunningTurn',
  z.strictObject({
    object: z.literal('running_turn'),
    id: z.string(),
    tenant: z.string(),
    session: z.string(),
    key: z.string(),
    user: z.string().nullable(),
    asked_model: z.string(),
    answering: text('The model that answers.'),
    state: z.enum(['waiting', 'deferred', 'calling', 'answering']),
    error: text('Why it is deferred.'),
    created_at: time,
    age_ms: z.int(),
    kept: z.boolean(),
  }),
);
export const RunningTurnList = published('AdminRunningTurnList', page(RunningTurn));

export const FailedTurn = published(
  'AdminFailedTurn',
  z.strictObject({
    object: z.literal('failed_turn'),
    id: z.string(),
    session: z.string(),
    state: z.string(),
    error: text('The code, as in docs/errors.md.'),
    message: z.string().nullable(),
    asked_model: z.string().nullable(),
    model: text('The model that had begun to answer.'),
    key: z.string().nullable(),
    created_at: time,
    ended_at: time,
    never_began: z.boolean().describe('No model had begun to answer.'),
  }),
);
export const FailedTurnList = published('AdminFailedTurnList', page(FailedTurn));

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
  overload_changed: z.strictObject({ type: z.literal('overload_changed'), at: time, level: z.string() }),
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
    })
    .describe('What the last minute had; sent every few seconds.'),
  missed: z
    .strictObject({ type: z.literal('missed'), at: time, events: z.int() })
    .describe('The reader was too slow for so many events.'),
} as const;
export const AdminEvent = published('AdminEvent', z.union(Object.values(EVENTS)));

export const TurnDelta = published(
  'AdminTurnDelta',
  z
    .looseObject({
      type: z.string().describe('`asked`, the type of a part of the answer, or `ended`.'),
      index: z.int().optional().describe('Which item of the output.'),
      text: z.string().optional().describe('What is appended to it.'),
      item: OutputItem.partial({ id: true }).optional().describe('The item, when it begins or ends.'),
      provider: z.string().optional().describe('With `attempt`: who is called.'),
      model: z.string().optional().describe('With `attempt`: the model at its provider.'),
      cause: z.string().optional().describe('With `attempt`: why the call before ended early.'),
      discard: z.array(z.int()).optional().describe('With `attempt`: the items that are void from now on.'),
      input: z.array(OutputItem).optional().describe('With `asked`: what was asked.'),
      state: z.string().optional().describe('With `ended`: the state of the turn.'),
    })
    .describe('What was asked, one part of the answer, or `ended` with the state of the turn.'),
);
