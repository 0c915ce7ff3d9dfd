import { z } from 'zod';
import { published } from '../published.ts';
import { Receipt } from '../v1/responses/receipt.ts';
import { OutputItem } from '../v1/responses/schemas.ts';
import { page, text, time, usd } from './schema-parts.ts';

/** The forms of replies about sessions and turns. They are not checked at run time; tests compare them with replies. */

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
