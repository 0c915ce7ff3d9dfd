import { type Block, isThought, type Turn, type Wire } from './wire.ts';

export interface TidyCase {
  /** Thinking blocks may be given back. */
  thinking: boolean;
  /** The model may be asked to go on with its own last message. */
  prefill: boolean;
}

/**
 * Makes a conversation one that the provider takes: answers that were cut leave blocks behind which it
 * refuses, and it insists on who speaks first and last.
 */
export function tidyTurns(turns: readonly Turn[], { thinking, prefill }: TidyCase): Turn[] {
  const answered = hostedResults(turns);
  const tidied = turns.map((turn, index) => {
    if (turn.role === 'user') return turn;
    const waits = index === turns.length - 1 || awaitsResults(turns, index);
    const kept = turn.content.filter(
      (block) => (thinking || !isThought(block)) && (waits || !isUnanswered(block, answered)),
    );
    return { role: turn.role, content: withoutLastThoughts(kept) };
  });
  return bounded(joined(tidied), prefill);
}

/** The calls of hosted tools that have an answer anywhere: it may come a turn later. */
function hostedResults(turns: readonly Turn[]): Set<unknown> {
  const found = new Set<unknown>();
  for (const { content } of turns) {
    for (const { type, tool_use_id } of content) {
      if (tool_use_id !== undefined && type !== 'tool_result') found.add(tool_use_id);
    }
  }
  return found;
}

/** Code that runs at the provider waits while the caller runs a tool for it. */
function awaitsResults(turns: readonly Turn[], index: number): boolean {
  return index === turns.length - 2 && turns.at(-1)?.content[0]?.type === 'tool_result';
}

function isUnanswered({ type, id }: Block, answered: Set<unknown>): boolean {
  return (type === 'server_tool_use' || type === 'mcp_tool_use') && !answered.has(id);
}

/** "The final block in an assistant message cannot be `thinking`." */
function withoutLastThoughts(content: Block[]): Block[] {
  const last = content.findLastIndex((block) => !isThought(block));
  return last === content.length - 1 ? content : content.slice(0, last + 1);
}

/** Leaves out empty turns and joins those that then stand beside one of the same role. */
function joined(turns: readonly Turn[]): Turn[] {
  const out: Turn[] = [];
  for (const { role, content } of turns) {
    const last = out.at(-1);
    if (content.length === 0) continue;
    if (last?.role === role) out[out.length - 1] = { role, content: [...last.content, ...content] };
    else out.push({ role, content });
  }
  return out;
}

function bounded(turns: Turn[], prefill: boolean): Turn[] {
  const first = turns[0]?.role === 'user' ? turns : [say('Begin.'), ...turns];
  const last = first.at(-1);
  if (last?.role !== 'assistant' || last.content.at(-1)?.type !== 'text') return first;
  if (!prefill) return [...first, say('Continue.')];
  return [...first.slice(0, -1), { role: 'assistant', content: trimmed(last.content) }];
}

function say(text: string): Turn {
  return { role: 'user', content: [{ type: 'text', text }] };
}

/** "final assistant content cannot end with trailing whitespace" */
function trimmed(content: Block[]): Block[] {
  const last = content.at(-1)!;
  return [...content.slice(0, -1), { ...last, text: String(last.text).trimEnd() }];
}

/** The parts of a request that are cached, in the order in which the provider reads them. */
export interface Cached {
  tools?: Wire[];
  system: Block[];
  turns: Turn[];
}

const MARK = { cache_control: { type: 'ephemeral' } } as const;

const MARKABLE = new Set(['text', 'image', 'document', 'tool_result', 'tool_use']);

/**
 * Marks what the next request will begin with, so that the provider reads it from its cache. Of the
 * four marks that it takes: tools, system, the caller's last words before now, and the end. The third is
 * where the request before this one ended; the provider looks back only twenty blocks from a mark, and
 * one answer may have more. A caller who marks its own parts knows better, and ours are left out.
 */
export function withCacheMarks(request: Cached): Cached {
  if (hasMarks(request)) return request;
  const { tools, system, turns } = request;
  const users = turns.flatMap((turn, index) => (turn.role === 'user' ? [index] : [])).slice(-2);
  return {
    ...(tools && { tools: markTools(tools) }),
    system: markLast(system),
    turns: turns.map((turn, index) => (users.includes(index) ? markTurn(turn) : turn)),
  };
}

function hasMarks({ tools = [], system, turns }: Cached): boolean {
  const marked = (part: Wire) => part.cache_control !== undefined;
  return tools.some(marked) || system.some(marked) || turns.some(({ content }) => content.some(marked));
}

function markTurn(turn: Turn): Turn {
  const last = turn.content.at(-1);
  return last && MARKABLE.has(last.type) ? { ...turn, content: markLast(turn.content) } : turn;
}

/** A tool that is loaded when it is searched for is no part of the prefix, and may not be marked. */
function markTools(tools: readonly Wire[]): Wire[] {
  const last = tools.findLastIndex((tool) => tool.defer_loading !== true) + 1;
  return [...markLast(tools.slice(0, last)), ...tools.slice(last)];
}

function markLast<Part extends Wire>(parts: readonly Part[]): Part[] {
  const last = parts.at(-1);
  return last ? [...parts.slice(0, -1), { ...last, ...MARK }] : [];
}
