import type { Delta } from '../../../src/core/delta.ts';
import { Fault } from '../../../src/core/errors.ts';
import { foldAll } from '../../../src/core/fold.ts';
import { generatedImage } from '../../../src/core/generated-images.ts';
import { newSessionId, newTurnId } from '../../../src/core/ids.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Seal } from '../../../src/core/seal.ts';
import { type AnsweredTurn, turnOf, type WaitingIntent } from '../../../src/core/turn.ts';
import type { TurnView } from '../../../src/core/turn-view.ts';
import type { Dialect } from '../../../src/http/dialect.ts';
import { DIALECTS } from '../../../src/http/dialects.ts';
import { settle } from '../../../src/turn/record/settle.ts';
import { ACME, NOW } from '../../conformance/turn-rows.ts';

/**
 * Where each dialect shows the parts of an answer: each part is written in each dialect, and its mark is looked for in
 * the reply. `bun tests/unit/http/dialect-table.ts` writes the table to docs/dialects.md.
 */

const MARK = 'marked';
const SEAL = 'clawhold-seal.';

interface Thing {
  name: string;
  deltas: Delta[];
  mark?: string;
  failure?: Fault;
}

const item = (index: number, whole: Item, native?: unknown): Delta[] => [
  { type: 'item-start', index, item: whole },
  { type: 'item-end', index, native },
];
const message = (...content: Delta[]): Delta[] => [
  { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
  ...content,
  { type: 'item-end', index: 0 },
];
const other = (fields: Record<string, unknown>): Item => fields as unknown as Item;
const text: Delta = { type: 'text-delta', index: 0, part: 0, text: MARK };
const thought: Delta[] = [
  { type: 'item-start', index: 0, item: { type: 'reasoning', summary: [] } },
  { type: 'summary-delta', index: 0, part: 0, text: MARK },
  { type: 'item-end', index: 0, native: { id: 'rs_1' } },
];

const THINGS: readonly Thing[] = [
  { name: 'text', deltas: message(text) },
  {
    name: 'citation of a page',
    deltas: message(
      { ...text, text: 'x' },
      {
        ...{ type: 'annotation', index: 0, part: 0 },
        annotation: {
          type: 'url_citation',
          url: `https://${MARK}.example`,
          title: 't',
          start_index: 0,
          end_index: 1,
        },
      },
    ),
  },
  {
    name: 'log probabilities',
    deltas: message({ ...text, text: 'x', logprobs: [{ token: MARK, logprob: -1, top_logprobs: [] }] }),
  },
  { name: 'refusal', deltas: message({ type: 'refusal-delta', index: 0, part: 0, text: MARK }) },
  { name: 'text of a thought', deltas: thought },
  { name: 'thought, for its provider', deltas: thought, mark: SEAL },
  {
    name: 'call of a function',
    deltas: [
      {
        type: 'item-start',
        index: 0,
        item: { type: 'function_call', call_id: 'c', name: MARK, arguments: '' },
      },
      { type: 'arguments-delta', index: 0, text: '{}' },
      { type: 'item-end', index: 0 },
    ],
  },
  {
    name: 'call of a custom tool',
    deltas: [
      {
        type: 'item-start',
        index: 0,
        item: other({ type: 'custom_tool_call', call_id: 'c', name: 'f', input: '' }),
      },
      { type: 'arguments-delta', index: 0, text: MARK },
      { type: 'item-end', index: 0 },
    ],
  },
  {
    name: "call of a provider's tool",
    deltas: item(
      0,
      other({ type: 'web_search_call', status: 'completed', action: { type: 'search', query: MARK } }),
    ),
  },
  { name: 'generated image', deltas: item(0, generatedImage('png', MARK)) },
  {
    name: 'second choice',
    deltas: [
      ...message({ ...text, text: 'x' }),
      { type: 'item-start', index: 1, item: { type: 'message', role: 'assistant', content: [] }, choice: 1 },
      { ...text, index: 1 },
      { type: 'item-end', index: 1 },
      { type: 'finish', reason: { unified: 'stop', raw: null }, choice: 1 },
    ],
  },
  {
    name: 'answer that broke off',
    deltas: message(text),
    failure: new Fault('stream_interrupted', 'The connection broke.'),
    mark: 'stream_interrupted',
  },
];

const session = newSessionId(NOW);
const seal: Seal = () => `${SEAL}k.x`;

const intentOf = (dialect: Dialect) =>
  ({
    ...{ kind: 'waiting', id: newTurnId(session, NOW), tenant: ACME, session, createdAt: NOW, model: 'm' },
    ...{
      dialect: dialect.name,
      input: [],
      settings: {},
      metadata: {},
      echo: { include: ['reasoning.encrypted_content'] },
    },
  }) as unknown as WaitingIntent;

function answered(dialect: Dialect, { deltas, failure }: Thing): { view: TurnView; turn: AnsweredTurn } {
  const intent = intentOf(dialect);
  const attempt: Delta = { type: 'attempt', provider: 'local', protocol: 'local', model: 'm' };
  const finish: Delta[] = failure ? [] : [{ type: 'finish', reason: { unified: 'stop', raw: null } }];
  const log = [attempt, { type: 'start', model: 'm' } as const, ...deltas, ...finish];
  const facts = { price: () => undefined, promptTokens: () => 0, completedAt: NOW, failure };
  const turn: AnsweredTurn = turnOf(intent, settle({ turn: intent.id, folded: foldAll(log), ...facts }));
  return { view: { asked: intent, retention: 'stored', log } as unknown as TurnView, turn };
}

/** The path of the first text that holds the mark; lists are written as `[]`. */
function pathOf(value: unknown, mark: string, path = ''): string | undefined {
  if (typeof value === 'string') return value.toLowerCase().includes(mark) ? path : undefined;
  if (value === null || typeof value !== 'object') return undefined;
  for (const [field, inner] of Object.entries(value)) {
    const step = Array.isArray(value) ? '[]' : path === '' ? field : `.${field}`;
    const found = pathOf(inner, mark, path + step);
    if (found !== undefined) return found;
    // Log probabilities in the older form, and calls, have texts as names of fields.
    if (!Array.isArray(value) && field === mark) return path;
  }
  return undefined;
}

async function wholeReply(dialect: Dialect, thing: Thing): Promise<unknown> {
  const { view, turn } = answered(dialect, thing);
  try {
    return dialect.whole(view, turn, seal);
  } catch (fault) {
    return await dialect.error(fault as Fault, 'req').json();
  }
}

function streamed(dialect: Dialect, thing: Thing): string {
  const { view, turn } = answered(dialect, thing);
  const writer = dialect.stream(view, -1, seal);
  return writer.open() + view.log.map((delta) => writer.delta(delta)).join('') + writer.end(turn);
}

export interface Shown {
  dialect: string;
  thing: string;
  /** Where a whole reply shows it; absent where it does not. */
  path: string | undefined;
  isStreamed: boolean;
}

export async function shownIn(dialect: Dialect, thing: Thing): Promise<Shown> {
  const mark = thing.mark ?? MARK;
  const path = pathOf(await wholeReply(dialect, thing), mark);
  const isStreamed = streamed(dialect, thing).toLowerCase().includes(mark);
  return { dialect: dialect.name, thing: thing.name, path, isStreamed };
}

export const allShown = (): Promise<Shown[]> =>
  Promise.all(THINGS.flatMap((thing) => DIALECTS.map((dialect) => shownIn(dialect, thing))));

const INTRODUCTION = `\
# What each dialect can show

A turn is stored whole, whatever dialect asks for it. A dialect that has no form for a part of an answer does not show it; any other dialect still does, and later turns of the session build on it. The table says where a whole reply shows each part of an answer; streams show the same parts, unless it says otherwise. The answers are those of a model that does not speak the dialect itself.

\`bun tests/unit/http/dialect-table.ts\` writes this page.
`;

export async function tableText(): Promise<string> {
  const shown = await allShown();
  const names = DIALECTS.map(({ name }) => name);
  const rows = THINGS.map(({ name }) => {
    const cells = names.map((dialect) =>
      cellOf(shown.find((one) => one.dialect === dialect && one.thing === name)!),
    );
    return `| ${[name, ...cells].join(' | ')} |`;
  });
  return [
    INTRODUCTION,
    `| | ${names.join(' | ')} |`,
    `|${'---|'.repeat(names.length + 1)}`,
    ...rows,
    '',
  ].join('\n');
}

function cellOf({ path, isStreamed }: Shown): string {
  if (path === undefined) return isStreamed ? 'in streams' : '–';
  return isStreamed ? `\`${path}\`` : `\`${path}\`, not in streams`;
}

export const PAGE = new URL('../../../docs/dialects.md', import.meta.url);

if (import.meta.main) await Bun.write(PAGE, await tableText());
