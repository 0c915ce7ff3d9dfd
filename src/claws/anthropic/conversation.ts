import type { CacheLife } from '../../core/cache-life.ts';
import { type Block, isThought, type Wire, type WireMessage } from './wire.ts';

/** What a model accepts of a conversation. */
export interface TidyCase {
  /** Thinking blocks may be sent back. */
  thinking: boolean;
  /** The model can continue its own last message. */
  prefill: boolean;
}

/**
 * Changes a conversation into one that the provider accepts: it refuses some blocks that a cut answer leaves,
 * and it requires certain roles for the first and the last message.
 */
export function tidyMessages(
  messages: readonly WireMessage[],
  { thinking, prefill }: TidyCase,
): WireMessage[] {
  const answered = hostedResults(messages);
  const cleaned = messages.map((message, index) => {
    if (message.role === 'user') return message;
    const waits = index === messages.length - 1 || awaitsResults(messages, index);
    const kept = message.content.filter(
      (block) => (thinking || !isThought(block)) && (waits || !isUnanswered(block, answered)),
    );
    return { role: message.role, content: withoutLastThoughts(kept) };
  });
  return withAllowedEnds(joinedByRole(cleaned), prefill);
}

/** Ids of the hosted tools' calls that have a result. The result may be in a later message. */
function hostedResults(messages: readonly WireMessage[]): Set<unknown> {
  const found = new Set<unknown>();
  for (const { content } of messages) {
    for (const { type, tool_use_id } of content) {
      if (tool_use_id !== undefined && type !== 'tool_result') found.add(tool_use_id);
    }
  }
  return found;
}

/** Code that runs at the provider waits for the result of a tool that the caller runs. */
function awaitsResults(messages: readonly WireMessage[], index: number): boolean {
  return index === messages.length - 2 && messages.at(-1)?.content[0]?.type === 'tool_result';
}

function isUnanswered({ type, id }: Block, answered: Set<unknown>): boolean {
  return (type === 'server_tool_use' || type === 'mcp_tool_use') && !answered.has(id);
}

/** "The final block in an assistant message cannot be `thinking`." */
function withoutLastThoughts(content: Block[]): Block[] {
  const last = content.findLastIndex((block) => !isThought(block));
  return last === content.length - 1 ? content : content.slice(0, last + 1);
}

/** Leaves out empty messages and joins neighbours of the same role. */
function joinedByRole(messages: readonly WireMessage[]): WireMessage[] {
  const out: WireMessage[] = [];
  for (const { role, content } of messages) {
    const last = out.at(-1);
    if (content.length === 0) continue;
    if (last?.role === role) out[out.length - 1] = { role, content: [...last.content, ...content] };
    else out.push({ role, content });
  }
  return out;
}

function withAllowedEnds(messages: WireMessage[], prefill: boolean): WireMessage[] {
  const first = messages[0]?.role === 'user' ? messages : [userMessage('Begin.'), ...messages];
  const last = first.at(-1);
  if (last?.role !== 'assistant' || last.content.at(-1)?.type !== 'text') return first;
  if (!prefill) return [...first, userMessage('Continue.')];
  return [...first.slice(0, -1), { role: 'assistant', content: withTrimmedEnd(last.content) }];
}

function userMessage(text: string): WireMessage {
  return { role: 'user', content: [{ type: 'text', text }] };
}

/** "final assistant content cannot end with trailing whitespace" */
function withTrimmedEnd(content: Block[]): Block[] {
  const last = content.at(-1)!;
  return [...content.slice(0, -1), { ...last, text: String(last.text).trimEnd() }];
}

/** The parts of a request that the provider caches, in the order in which it reads them. */
export interface Cached {
  tools?: Wire[];
  system: Block[];
  messages: WireMessage[];
}

const MARKS = {
  short: { cache_control: { type: 'ephemeral' } },
  long: { cache_control: { type: 'ephemeral', ttl: '1h' } },
} as const;
type Mark = (typeof MARKS)[keyof typeof MARKS];

/** Where the gateway marks a prompt for the provider's cache, and for how long. */
export interface Marking {
  /** The first block that the next request does not have. */
  excerpt?: Block;
  life?: CacheLife;
}

const MARKABLE = new Set(['text', 'image', 'document', 'tool_result', 'tool_use']);

/**
 * Marks the parts with which the next request begins, so that the provider reads them from its cache. It
 * takes four marks: after the tools, the system blocks, the last but one user message, and the last one. The
 * third is where the previous request ended. It is needed because the provider looks back only twenty
 * blocks from a mark, and one answer may have more. If the caller set marks itself, none are added.
 *
 * Where the last message has excerpts, which the next request does not have, the last mark is before them: a cache
 * that is written is paid, and this part of it would never be read. Where the next request will come too late, only
 * tools and system blocks are marked: other sessions may have the same.
 */
export function withCacheMarks(request: Cached, { excerpt, life = 'short' }: Marking = {}): Cached {
  if (hasMarks(request)) return request;
  const { tools, system, messages } = request;
  const mark = MARKS[life === 'long' ? life : 'short'];
  return {
    ...(tools && { tools: markTools(tools, mark) }),
    system: markLast(system, mark),
    messages: life === 'none' ? messages : markMessages(messages, mark, excerpt),
  };
}

function markMessages(messages: readonly WireMessage[], mark: Mark, excerpt?: Block): WireMessage[] {
  const at = excerpt ? messages.findIndex(({ content }) => content.includes(excerpt)) : -1;
  if (at === -1) return withMarksAt(messages, usersIn(messages).slice(-2), mark);
  const { role, content } = messages[at]!;
  const first = content.indexOf(excerpt!);
  const before = messages.slice(0, at);
  // The message with the excerpts may begin with blocks that later requests have.
  const own = first > 0 ? [] : [at - 1];
  const start = markMessage({ role, content: content.slice(0, first) }, mark);
  const split = { role, content: [...start.content, ...content.slice(first)] };
  return [
    ...withMarksAt(before, [...usersIn(before).slice(-1), ...own], mark),
    split,
    ...messages.slice(at + 1),
  ];
}

const usersIn = (messages: readonly WireMessage[]): number[] =>
  messages.flatMap(({ role }, index) => (role === 'user' ? [index] : []));

const withMarksAt = (messages: readonly WireMessage[], ends: readonly number[], mark: Mark): WireMessage[] =>
  messages.map((message, index) => (ends.includes(index) ? markMessage(message, mark) : message));

function hasMarks({ tools = [], system, messages }: Cached): boolean {
  const marked = (part: Wire) => part.cache_control !== undefined;
  return tools.some(marked) || system.some(marked) || messages.some(({ content }) => content.some(marked));
}

function markMessage(message: WireMessage, mark: Mark): WireMessage {
  const last = message.content.at(-1);
  return last && MARKABLE.has(last.type) ? { ...message, content: markLast(message.content, mark) } : message;
}

/** A tool with deferred loading is no part of the cached prefix and must not be marked. */
function markTools(tools: readonly Wire[], mark: Mark): Wire[] {
  const last = tools.findLastIndex((tool) => tool.defer_loading !== true) + 1;
  return [...markLast(tools.slice(0, last), mark), ...tools.slice(last)];
}

function markLast<Part extends Wire>(parts: readonly Part[], mark: Mark): Part[] {
  const last = parts.at(-1);
  return last ? [...parts.slice(0, -1), { ...last, ...mark }] : [];
}
