import fc from 'fast-check';
import type { Delta } from '../../../src/core/delta.ts';
import { emptyFold, type Folded, fold } from '../../../src/core/fold.ts';
import type { Item, Message, OtherType } from '../../../src/core/items.ts';

/** Chunks as models write them, and unusual ones: halves of surrogate pairs, an empty text, many blanks. */
const CHUNKS = [
  ' the',
  ' a',
  'strawberry',
  'straw',
  '.',
  '.\n\n',
  '',
  '  ',
  '12',
  '2024',
  "'s",
  '你好',
  '\ud83e',
  '\udd9e',
  '{"a":',
  '"b"}',
  ' '.repeat(40),
];
const chunk = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...CHUNKS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
);

const started: fc.Arbitrary<Item> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ type: 'message', role: 'assistant', content: [] } as Item) },
  { weight: 2, arbitrary: fc.constant({ type: 'reasoning', summary: [] } as Item) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('c1', 'c2')
      .map((call_id): Item => ({ type: 'function_call', call_id, name: 'look', arguments: '' })),
  },
  fc.constantFrom(
    ...([
      { type: 'custom_tool_call' as OtherType, call_id: 'c3', name: 'shell', input: '' },
      { type: 'custom_tool_call' as OtherType, status: 'in_progress', call_id: 'c3', name: 'sh', input: '' },
      { type: 'web_search_call' as OtherType, status: 'in_progress' },
      { type: 'server_tool_use' as OtherType, id: 'srvtoolu_1', name: 'search', input: { query: 'crabs' } },
      { type: 'reasoning', summary: [], encrypted_content: 'c2VjcmV0' },
    ] satisfies Item[]),
  ),
);

/** The item that a provider sends with `item-end`: mostly the one that was streamed, sometimes a different one. */
type FinalItem = (item: Item) => Item | undefined;
const FINAL_ITEMS: FinalItem[] = [
  () => undefined,
  (item) => item,
  (item) => ({ ...item, status: 'completed' }) as Item,
  ({ type, ...item }) => ({ type, status: 'completed', ...item }) as Item,
  (item) => ({ ...item, encrypted_content: 'bW9yZQ' }) as Item,
  (item) => (item.type === 'message' ? trimmed(item) : { ...item, added: { by: 'provider' } }) as Item,
  (item) => (item.type === 'message' ? { ...item, content: [] } : item),
  (item) => (item.type === 'message' ? amended(item) : item),
];

const trimmed = (message: Message): Message => ({
  ...message,
  content: message.content.map((part) =>
    part.type === 'output_text' ? { ...part, text: part.text.trim(), annotations: [] } : part,
  ),
});

/** The first annotation and the first log probability differ; the rest is the same. */
const amended = (message: Message): Message => ({
  ...message,
  content: message.content.map((part) =>
    part.type === 'output_text'
      ? {
          ...part,
          annotations: part.annotations.map((annotation, at) =>
            at === 0 ? { type: 'another' } : annotation,
          ),
          ...(part.logprobs && {
            logprobs: part.logprobs.map((entry, at) => (at === 0 ? { token: 'another' } : entry)),
          }),
        }
      : part,
  ),
});

type Draw = fc.GeneratorValue;

/** A generated answer: any sequence of deltas that keeps the rules of `Delta`. */
class Draft {
  readonly deltas: Delta[] = [];
  private readonly folded: Folded = emptyFold();

  constructor(private readonly draw: Draw) {}

  add(delta: Delta): void {
    this.deltas.push(delta);
    fold(this.folded, delta);
  }

  attempt(fields: { cause?: 'provider_error'; discard?: number[] } = {}): void {
    const provider = this.draw(fc.constantFrom, 'openai', 'acme');
    this.add({ type: 'attempt', provider, protocol: 'openai-chat', model: 'gpt-5', ...fields });
    this.add({ type: 'start', model: this.draw(fc.constantFrom, 'gpt-5', 'gpt-5-2025'), id: 'r1' });
  }

  step(): void {
    const open = this.indexes(false);
    const step = this.draw(fc.integer, { min: 0, max: 30 });
    if (open.length === 0 || step === 0) {
      this.open();
      return;
    }
    const index = this.draw(fc.constantFrom, ...open);
    if (step === 1) this.end(index);
    else if (step === 2 && this.draw(fc.boolean)) this.rescue();
    else if (step === 3) this.other(index);
    else this.grow(index);
  }

  private indexes(done: boolean): number[] {
    return Object.keys(this.folded.items)
      .map(Number)
      .filter((index) => done || !this.folded.items[index]!.done);
  }

  private open(): void {
    const item = this.draw(() => started);
    const choice = this.draw(fc.constantFrom, 0, 0, 0, undefined, 1, 2);
    this.add({ type: 'item-start', index: this.folded.items.length, item, choice });
  }

  private end(index: number): void {
    const final = this.draw(fc.constantFrom, ...FINAL_ITEMS)(structuredClone(this.folded.items[index]!.item));
    this.add({ type: 'item-end', index, native: { id: 'x' }, ...(final && { item: final }) });
  }

  private rescue(): void {
    const discard = this.indexes(true).filter(() => this.draw(fc.boolean));
    for (const index of this.indexes(false)) {
      if (!discard.includes(index) && this.draw(fc.boolean)) this.add({ type: 'item-end', index });
    }
    this.attempt({ cause: 'provider_error', ...(discard.length > 0 && { discard }) });
  }

  private other(index: number): void {
    const usage = { input: 1, output: 1, cacheRead: 0, cacheWrite: 0, reasoning: 0 };
    const data = { [this.draw(fc.constantFrom, 'delta', 'delta', 'code')]: this.draw(() => chunk) };
    const deltas: Delta[] = [
      { type: 'usage', usage },
      { type: 'finish', reason: { unified: 'stop', raw: 'stop' } },
      { type: 'extra', fields: { service_tier: 'flex' } },
      { type: 'progress', index, event: 'response.web_search_call.searching', data },
    ];
    this.add(this.draw(fc.constantFrom, ...deltas) as Delta);
  }

  private grow(index: number): void {
    const { item } = this.folded.items[index]!;
    for (let times = this.draw(fc.integer, { min: 1, max: 4 }); times > 0; times--) {
      const text = this.draw(() => chunk);
      if (item.type === 'message') this.growMessage(item, index, text);
      else if (item.type === 'reasoning') this.growReasoning(index, text);
      else if (isCall(item)) this.add({ type: 'arguments-delta', index, text });
    }
  }

  private growMessage(message: Message, index: number, text: string): void {
    const last = Math.max(0, message.content.length - 1);
    const part = this.draw(fc.constantFrom, last, last, last, message.content.length);
    const kind = message.content[part]?.type ?? this.draw(fc.constantFrom, 'output_text', 'refusal');
    if (kind === 'refusal') this.add({ type: 'refusal-delta', index, part, text });
    else if (message.content[part] && this.draw(fc.integer, { max: 6, min: 0 }) === 0) {
      const annotation = { type: 'url_citation', url: this.draw(() => chunk) };
      this.add({ type: 'annotation', index, part, annotation });
    } else {
      const logprobs = this.draw(fc.constantFrom, undefined, undefined, [], [{ token: text, logprob: -0.5 }]);
      this.add({ type: 'text-delta', index, part, text, ...(logprobs && { logprobs }) });
    }
  }

  private growReasoning(index: number, text: string): void {
    const type = this.draw(fc.constantFrom, 'reasoning-delta' as const, 'summary-delta' as const);
    const item = this.folded.items[index]!.item as Extract<Item, { type: 'reasoning' }>;
    const length = (type === 'summary-delta' ? item.summary : item.content)?.length ?? 0;
    const last = Math.max(0, length - 1);
    this.add({ type, index, part: this.draw(fc.constantFrom, last, last, length), text });
  }
}

const isCall = ({ type }: Item): boolean =>
  type === 'function_call' || (type as string) === 'custom_tool_call';

/** The deltas of any answer, whole or broken off. */
export const answers: fc.Arbitrary<Delta[]> = fc.gen().map((draw) => {
  const draft = new Draft(draw);
  draft.attempt();
  for (let steps = draw(fc.nat, 40); steps > 0; steps--) draft.step();
  return draft.deltas;
});
