import { z } from 'zod';
import type { Admin } from '../../api/admin/admin.ts';
import { Fault } from '../../core/errors.ts';
import { conversationId, type TurnId } from '../../core/ids.ts';
import { itemsOf } from '../../core/item-positions.ts';
import type { Tenant } from '../../core/request.ts';
import { json, published, type Reply, type RouteDoc } from '../published.ts';
import type { Handler, Route, SettingsSource } from '../route.ts';
import { parseItems } from '../v1/canonical-items.ts';
import { validate } from '../v1/fields.ts';
import { readBody, readJson, sessionRef } from '../v1/request.ts';
import { pageOf, queryOf, tagged, tenantOf, tenantSchema } from './fields.ts';
import { ChatGptConversation, fromChatGpt } from './forms/chatgpt.ts';
import { lineOf, partOf } from './forms/clawhold.ts';
import { fromLibreChat, LibreChatConversation } from './forms/librechat.ts';
import { toMarkdown } from './forms/markdown.ts';
import { fromMessages, toMessages } from './forms/openai.ts';
import { linesOf, textStream } from './lines.ts';
import { branchOf, filterOf, listQuery, turnIn } from './session-routes.ts';
import { SessionDetail } from './session-schemas.ts';
import { detailView } from './views.ts';

/** Copies of sessions: exports, imports, forks, edits. */
export function copyRoutes({ sessions, copies }: Admin, settings: SettingsSource): Route[] {
  const access = 'root';
  const one = '/admin/v1/sessions/:id';
  const parts = { sessions, copies };
  return [
    { method: 'GET', path: `${one}/export`, access, doc: EXPORT_ONE, handle: exportOne(parts) },
    { method: 'GET', path: '/admin/v1/export', access, doc: EXPORT, handle: exportAll(parts) },
    { method: 'POST', path: '/admin/v1/import', access, doc: IMPORT, handle: importAll(parts, settings) },
    { method: 'POST', path: `${one}/fork`, access, doc: FORK, handle: fork(parts, settings) },
    { method: 'POST', path: `${one}/edit`, access, doc: EDIT, handle: edit(parts, settings) },
  ];
}

type Parts = Pick<Admin, 'sessions' | 'copies'>;
type Summary = Awaited<ReturnType<Parts['sessions']['summary']>>;

const FORMS = ['clawhold', 'openai', 'markdown'] as const;
const form = z
  .enum(FORMS)
  .default('clawhold')
  .describe(
    '`clawhold`: lines of JSON with everything; `openai`: the branch of the head as chat messages; `markdown`.',
  );
const exportOneQuery = tenantSchema.extend({ form });
const exportQuery = listQuery.omit({ cursor: true, limit: true }).extend({
  form: z.enum(['clawhold', 'openai']).default('clawhold').describe('As for one session, in lines.'),
});
const importQuery = tenantSchema.extend({
  form: z
    .enum(['clawhold', 'openai', 'chatgpt', 'librechat'])
    .default('clawhold')
    .describe(
      '`clawhold`: lines of JSON that were exported; `openai`: `messages` of a chat request; `chatgpt`: one conversation, or a list of them, of a data export; `librechat`: an exported conversation.',
    ),
  name: z.string().min(1).max(255).optional().describe('The name of the new session; not for `clawhold`.'),
});

const Import = published(
  'AdminImport',
  z.strictObject({
    object: z.literal('import'),
    sessions: z.array(
      z.strictObject({
        id: z.string(),
        name: z.string().nullable(),
        turns: z.int(),
        renamed: z.boolean().describe('Its name was taken, so it has none.'),
        rekeyed: z.boolean().describe('Its ids were taken, so it has others.'),
        left_out: z.record(z.string(), z.int()).describe('What has no place here, with its number.'),
      }),
    ),
  }),
);
const ImportBody = published('AdminImportBody', z.unknown().describe('What is imported, in its form.'));
const forkSchema = published(
  'AdminFork',
  z.strictObject({
    turn: z.string().optional().describe('The last turn of the copy; the head where absent.'),
    name: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/)
      .optional()
      .describe('The name of the new session.'),
  }),
);
const editSchema = published(
  'AdminEdit',
  z.strictObject({
    item: z.string().describe('The id of the item.'),
    value: z.unknown().describe('What it becomes: an item of the same type.'),
  }),
);

const text: Reply = { status: 200, form: 'text' };
const EXPORT_ONE: RouteDoc = {
  what: 'Exports a session, as a stream.',
  query: exportOneQuery,
  replies: [text],
};
const EXPORT: RouteDoc = {
  what: 'Exports all sessions of a tenant that pass a filter, one after the other, as a stream of lines.',
  query: exportQuery,
  replies: [text],
};
const IMPORT: RouteDoc = {
  what: 'Imports sessions. Their turns say where they come from, and cost nothing again.',
  query: importQuery,
  body: ImportBody,
  replies: [json(Import)],
};
const FORK: RouteDoc = {
  what: 'Copies a session up to a turn into a new session.',
  query: tenantSchema,
  body: forkSchema,
  replies: [json(SessionDetail)],
};
const EDIT: RouteDoc = {
  what: 'Replaces an item in a copy of its turn, which becomes the head. The original and what follows it stay as a fork.',
  query: tenantSchema,
  body: editSchema,
  replies: [json(SessionDetail)],
};

const TYPES = {
  clawhold: 'application/x-ndjson',
  openai: 'application/json',
  markdown: 'text/markdown; charset=utf-8',
} as const;

function exportOne(parts: Parts): Handler {
  return async (exchange) => {
    const { tenant: asked, form: wanted } = queryOf(exportOneQuery, exchange.query);
    const tenant = tenantOf(exchange, asked);
    const summary = await parts.sessions.summary(tenant, sessionRef(exchange.params.id, 'id'));
    return textStream(textOf(parts, tenant, summary, wanted), TYPES[wanted]);
  };
}

function exportAll(parts: Parts): Handler {
  return (exchange) => {
    const { form: wanted, tenant: asked, ...query } = queryOf(exportQuery, exchange.query);
    const tenant = tenantOf(exchange, asked);
    return textStream(allOf(parts, tenant, filterOf(query), wanted), 'application/x-ndjson');
  };
}

async function* allOf(
  parts: Parts,
  tenant: Tenant,
  filter: Parameters<Parts['sessions']['list']>[1],
  wanted: (typeof FORMS)[number],
): AsyncIterable<string> {
  let page = pageOf({ limit: 100 });
  for (;;) {
    const { entries, next } = await parts.sessions.list(tenant, filter, page);
    for (const summary of entries) yield* textOf(parts, tenant, summary, wanted);
    if (!next) return;
    page = { limit: 100, after: next };
  }
}

async function* textOf(
  parts: Parts,
  tenant: Tenant,
  summary: Summary,
  wanted: (typeof FORMS)[number],
): AsyncIterable<string> {
  const { sessions, copies } = parts;
  if (wanted === 'clawhold') {
    for await (const part of copies.export(tenant, summary)) yield `${lineOf(part)}\n`;
    return;
  }
  const branch = await branchOf(sessions, tenant, summary, undefined);
  if (wanted === 'markdown') {
    yield `# ${summary.name ?? conversationId(summary.id)}\n`;
    for (const id of branch) {
      const [stored] = await sessions.turns(tenant, [id]);
      for (const { item } of stored ? itemsOf(stored.turn, stored.hidden) : []) {
        const shown = toMarkdown(item);
        if (shown !== '') yield `\n${shown}\n`;
      }
    }
    return;
  }
  const turns = await sessions.turns(tenant, branch);
  const items = turns.flatMap(({ turn, hidden }) => itemsOf(turn, hidden).map(({ item }) => item));
  const { messages, leftOut } = toMessages(items);
  const id = conversationId(summary.id);
  yield `${JSON.stringify({ messages, clawhold: { session: id, left_out: leftOut } })}\n`;
}

function importAll({ copies }: Parts, settings: SettingsSource): Handler {
  return async (exchange) => {
    const { request } = exchange;
    const { tenant: asked, form: given, name } = queryOf(importQuery, exchange.query);
    const tenant = tenantOf(exchange, asked);
    const made: Awaited<ReturnType<Parts['copies']['fork']>>[] = [];
    if (given === 'clawhold') {
      let number = 0;
      const lines = linesOf(request, settings().bodyBytes);
      const read = (async function* () {
        for await (const line of lines) yield partOf(line, ++number);
      })();
      for await (const one of copies.import(tenant, read)) made.push(one);
      if (made.length === 0) throw new Fault('invalid_json', 'The export is empty.');
    } else {
      const { value } = await readJson(request, settings());
      for (const foreign of foreignOf(given, value))
        made.push(await copies.importForeign(tenant, foreign, name));
    }
    return Response.json({
      object: 'import',
      sessions: made.map(({ id, name: own, turns, isRenamed, isRekeyed, leftOut }) => ({
        ...{ id: conversationId(id), name: own ?? null, turns },
        ...{ renamed: isRenamed, rekeyed: isRekeyed, left_out: leftOut },
      })),
    });
  };
}

function foreignOf(given: 'openai' | 'chatgpt' | 'librechat', value: unknown) {
  switch (given) {
    case 'openai': {
      const messages = Array.isArray(value) ? value : (value as { messages?: unknown } | null)?.messages;
      return [fromMessages(validate(z.array(z.unknown()).min(1), messages, ['messages']))];
    }
    case 'chatgpt':
      return (Array.isArray(value) ? value : [value]).map((one) =>
        fromChatGpt(validate(ChatGptConversation, one)),
      );
    case 'librechat':
      return (Array.isArray(value) ? value : [value]).map((one) =>
        fromLibreChat(validate(LibreChatConversation, one)),
      );
  }
}

function fork({ sessions, copies }: Parts, settings: SettingsSource): Handler {
  return async (exchange) => {
    const tenant = tenantOf(exchange, queryOf(tenantSchema, exchange.query).tenant);
    const { body } = await readBody(exchange.request, settings());
    const { turn, name } = validate(forkSchema, body);
    const summary = await sessions.summary(tenant, sessionRef(exchange.params.id, 'id'));
    const branch = await branchOf(
      sessions,
      tenant,
      summary,
      turn === undefined ? undefined : turnIn(summary.id, turn),
    );
    const { id } = await copies.fork(tenant, summary, branch.at(-1) ?? null, name);
    return tagged(detailView(await sessions.detail(tenant, { id })), new Headers());
  };
}

function edit({ sessions, copies }: Parts, settings: SettingsSource): Handler {
  return async (exchange) => {
    const tenant = tenantOf(exchange, queryOf(tenantSchema, exchange.query).tenant);
    const { body } = await readBody(exchange.request, settings());
    const { item, value } = validate(editSchema, body);
    const [wanted] = parseItems([value], 'value');
    const { id } = await sessions.summary(tenant, sessionRef(exchange.params.id, 'id'));
    const turn: TurnId = await copies.edit(tenant, id, item, wanted!);
    await sessions.rewind(tenant, id, turn);
    return tagged(detailView(await sessions.detail(tenant, { id })), new Headers());
  };
}
