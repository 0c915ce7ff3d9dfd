import type { Block, Turn, Wire } from './wire.ts';

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
