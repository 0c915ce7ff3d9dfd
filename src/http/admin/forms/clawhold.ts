import { z } from 'zod';
import type { Admin } from '../../../api/admin/admin.ts';
import { Fault } from '../../../core/errors.ts';
import {
  conversationId,
  parseConversationId,
  parseResponseId,
  responseId,
  type TurnId,
} from '../../../core/ids.ts';
import type { Item } from '../../../core/items.ts';
import { isValueKey, KEY_FORM } from '../../../core/values.ts';
import { parseItems } from '../../v1/canonical-items.ts';
import { validate } from '../../v1/fields.ts';
import { finish, more, settings, time } from './turn-fields.ts';

/**
 * Sessions as lines of JSON: a line for the session, then one for each of its turns, parents first, then one for each
 * value. A file may hold many sessions, one after the other. Times are milliseconds since the epoch, costs are
 * billionths of a US dollar.
 */

export type Part = Admin['copies'] extends { export(...args: never[]): AsyncIterable<infer One> }
  ? One
  : never;

const VERSION = 1;

const turnId = z.string().refine((id) => parseResponseId(id) !== undefined, 'expected the id of a turn');
const count = z.int().min(0);
const items = z.array(z.looseObject({ type: z.string({ error: 'expected the kind of the item' }) }));
const pairs = z.record(z.string(), z.string());

const SessionLine = z.strictObject({
  clawhold: z.literal(VERSION),
  session: z.strictObject({
    id: z.string().refine((id) => parseConversationId(id) !== undefined, 'expected the id of a session'),
    has_record: z.boolean(),
    name: z.string().min(1).max(255).optional(),
    created_at: time,
    metadata: pairs,
    tags: z.array(z.string().min(1).max(64)).max(32),
    head: turnId.nullable(),
  }),
});

const TurnLine = z.strictObject({
  turn: z.strictObject({
    id: turnId,
    parent: turnId.nullable(),
    kind: z.enum(['ask', 'append']),
    state: z.enum(['completed', 'incomplete', 'failed', 'cancelled']),
    dialect: z.string().min(1).max(64),
    created_at: time,
    completed_at: time,
    model: z.string().min(1).max(512).optional(),
    key: z.string().max(255).optional(),
    metadata: pairs,
    tokens: count,
    total_tokens: count,
    digest: z
      .string()
      .regex(/^[0-9a-f]*$/)
      .max(64),
    line: count.nullable(),
    hidden: z.array(z.string().max(255)),
    listed: z.boolean(),
    deleted: z.boolean(),
    input: items,
    output: items,
    settings: settings.optional(),
    retention: z.enum(['key', 'session', 'stored', 'listed']).optional(),
    finish,
    more: more.describe('All further fields of the turn.'),
  }),
});

const ValueLine = z.strictObject({
  value: z.strictObject({
    key: z.string().refine(isValueKey, `expected ${KEY_FORM}`),
    json: z.json({ error: 'expected a value' }),
  }),
});

/** A part as its line, without the end of the line. */
export function lineOf(part: Part): string {
  if ('session' in part) {
    const { id, hasRecord, name, createdAt, metadata, tags, head } = part.session;
    const session = {
      ...{ id: conversationId(id), has_record: hasRecord, ...(name !== undefined && { name }) },
      ...{ created_at: createdAt, metadata, tags, head: head && responseId(head) },
    };
    return JSON.stringify({ clawhold: VERSION, session });
  }
  if ('value' in part) {
    const { key, json } = part.value;
    return JSON.stringify({ value: { key, json: JSON.parse(json) as unknown } });
  }
  const { content, tokens, totalTokens, digest, line, hidden, listed, deleted } = part.turn;
  const { id, parent, kind, state, dialect, createdAt, completedAt, metadata, input, output, ...rest } =
    content;
  const {
    tenant: _,
    session: __,
    model,
    key,
    settings,
    retention,
    finish,
    ...more
  } = rest as typeof rest & Partial<Extract<typeof content, { kind: 'ask' }>>;
  const turn = {
    ...{ id: responseId(id), parent: parent && responseId(parent), kind, state, dialect },
    ...{ created_at: createdAt, completed_at: completedAt, model, key, metadata },
    ...{ tokens, total_tokens: totalTokens, digest, line, hidden, listed, deleted },
    ...{ input, output, settings, retention, finish, more },
  };
  return JSON.stringify({ turn });
}

/** The part of a line; `invalid_request` names the line and the field where it is malformed. */
export function partOf(text: string, number: number): Part {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Fault('invalid_request', `Line ${number} is not JSON.`);
  }
  if (value === null || typeof value !== 'object')
    throw new Fault('invalid_request', `Line ${number} is no object.`);
  const within = [`line ${number}`];
  if ('session' in value) return sessionPart(validate(SessionLine, value, within).session);
  if ('turn' in value) return turnPart(validate(TurnLine, value, within).turn, `line ${number}.turn`);
  const { key, json } = validate(ValueLine, value, within).value;
  return { value: { key, json: JSON.stringify(json) } };
}

function sessionPart(session: z.output<typeof SessionLine>['session']): Part {
  const { id, has_record: hasRecord, name, created_at: createdAt, metadata, tags, head } = session;
  return {
    session: {
      ...{ id: parseConversationId(id)!, hasRecord, createdAt, metadata, tags, head: idOf(head) },
      ...(name !== undefined && { name }),
    },
  };
}

const idOf = (text: string | null): TurnId | null => (text === null ? null : parseResponseId(text)!);

function turnPart(turn: z.output<typeof TurnLine>['turn'], param: string): Part {
  const { id: name, parent, created_at: createdAt, completed_at: completedAt, more: others, ...rest } = turn;
  const { alternates, ...further } = others;
  const { tokens, total_tokens: totalTokens, digest, line, hidden, listed, deleted, ...fields } = rest;
  const id = idOf(name)!;
  const session = id.slice(0, 20);
  if (fields.kind === 'ask' && fields.model === undefined)
    throw new Fault('invalid_request', `Turn ${name} has no model.`);
  if (fields.state === 'failed' && further.error === undefined)
    throw new Fault('invalid_request', `Turn ${name} failed and has no error.`);
  const content = {
    ...{ ...further, ...fields, id, session, parent: idOf(parent), createdAt, completedAt },
    // Everything that reads the store trusts the form of its items, of the kinds that have one.
    input: parseItems(fields.input, `${param}.input`),
    output: parseItems(fields.output, `${param}.output`),
    ...(alternates && { alternates: alternatesOf(alternates, `${param}.more.alternates`) }),
  };
  return { turn: { tokens, totalTokens, digest, line, hidden, listed, deleted, content } } as unknown as Part;
}

const alternatesOf = (choices: readonly unknown[][], param: string): Item[][] =>
  choices.map((items, index) => parseItems(items, `${param}[${index}]`));
