import type { Delta, DeltaOf } from '../../core/delta.ts';
import type { Item, OtherItem } from '../../core/items.ts';
import { isObject } from '../../core/json.ts';
import type { Prompt } from '../../core/prompt.ts';
import { isCall } from './answer.ts';

/**
 * Marks the calls that a provider ran itself but writes as calls of custom tools: xAI does so for its search. A
 * call that names no custom tool of the request is one of these if the model goes on after it, or if the request
 * has tools that run at the provider. Such a call is held back until this is known.
 */
export class ServerCalls {
  private readonly offered: Offered;
  /** Indexes of the calls that are held back. */
  private readonly indexes = new Set<number>();
  private held: Delta[] = [];
  /** Indexes of the calls that ran at the provider. They may end after the model went on. */
  private readonly ran = new Set<number>();
  /** The answer has a call that the client must answer. */
  private hasClientCall = false;

  constructor(prompt: Prompt) {
    this.offered = offeredBy(prompt);
  }

  read(deltas: Delta[]): Delta[] {
    if (deltas.every((delta) => !this.concerns(delta))) return deltas;
    return deltas.flatMap((delta) => this.next(delta));
  }

  /** Most deltas need no look. */
  private concerns({ type }: Delta): boolean {
    return this.indexes.size > 0 || this.ran.size > 0 || type === 'item-start' || type === 'finish';
  }

  private next(delta: Delta): Delta[] {
    if (delta.type === 'item-start' && this.isUnknown(delta.item)) this.indexes.add(delta.index);
    if ('index' in delta && this.indexes.has(delta.index)) {
      this.held.push(delta);
      return [];
    }
    if (delta.type === 'item-start') {
      this.hasClientCall ||= isCall(delta.item);
      return [...this.release(true), delta];
    }
    if (delta.type === 'item-end' && this.ran.has(delta.index)) return [marked(delta)];
    return delta.type === 'finish' ? this.finish(delta) : [delta];
  }

  private isUnknown(item: Item): boolean {
    const { names, isOpen } = this.offered;
    return (
      (item.type as string) === 'custom_tool_call' && !isOpen && !names.has(String((item as OtherItem).name))
    );
  }

  private finish(finish: DeltaOf<'finish'>): Delta[] {
    const ranAtServer = this.offered.hasHosted;
    const held = this.release(ranAtServer);
    this.hasClientCall ||= held.length > 0 && !ranAtServer;
    const isWrong = finish.reason.unified === 'tool_calls' && !this.hasClientCall;
    return [...held, isWrong ? { ...finish, reason: { ...finish.reason, unified: 'stop' } } : finish];
  }

  private release(ranAtServer: boolean): Delta[] {
    const { held } = this;
    this.held = [];
    if (ranAtServer) for (const index of this.indexes) this.ran.add(index);
    this.indexes.clear();
    return ranAtServer ? held.map(marked) : held;
  }
}

function marked(delta: Delta): Delta {
  if ((delta.type !== 'item-start' && delta.type !== 'item-end') || !delta.item) return delta;
  return { ...delta, item: { ...delta.item, execution: 'server' } as Item };
}

/** The custom tools of a request. */
interface Offered {
  names: ReadonlySet<string>;
  /** More tools may be loaded while the model answers, so that any name can be a client's tool. */
  isOpen: boolean;
  /** There are tools that run at the provider. */
  hasHosted: boolean;
}

const CLIENT_TOOLS = new Set<string>(['function', 'custom', 'namespace', 'local_shell', 'apply_patch']);

function offeredBy({ settings: { tools = [] }, items }: Prompt): Offered {
  const inner = tools.flatMap((tool) => {
    const own: unknown = (tool as { tools?: unknown }).tools;
    return Array.isArray(own) ? [tool, ...own.filter(isObject)] : [tool];
  });
  const custom = inner.filter(({ type }) => type === 'custom');
  return {
    names: new Set(custom.map(({ name }) => String(name))),
    isOpen:
      tools.some(({ type }) => (type as string) === 'tool_search') ||
      items.some(({ item }) => /^(tool_search_output|additional_tools)$/.test(item.type)),
    hasHosted: tools.some(({ type }) => !CLIENT_TOOLS.has(type)),
  };
}
