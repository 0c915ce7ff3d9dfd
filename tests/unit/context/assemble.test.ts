import { describe, expect, test } from 'bun:test';
import { assemble } from '../../../src/context/assemble.ts';
import type { Item } from '../../../src/core/items.ts';
import type { BranchTurn, Turn } from '../../../src/core/turn.ts';

const item = (fields: Record<string, unknown>) => fields as unknown as Item;
const user = (text: string) =>
  item({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] });
const assistant = (text: string) =>
  item({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text, annotations: [] }] });
const call = (call_id: string, name = 'weather') =>
  item({ type: 'function_call', call_id, name, arguments: '{}' });
const output = (call_id: string, text = 'sunny') =>
  item({ type: 'function_call_output', call_id, output: text });
const reasoning = (text: string) => item({ type: 'reasoning', summary: [], content: [{ text }] });

function turn(input: Item[], answer: Item[], hidden: string[] = []): BranchTurn {
  const answeredBy = { provider: 'openai', protocol: 'openai-responses', model: 'gpt-5' };
  const known = { kind: 'ask', input, output: answer, answeredBy } as Turn;
  return { turn: known, tokens: 1, totalTokens: 1, digest: '', hidden };
}

const budget = { context: 10_000, answer: 100, policy: 'full' } as const;
const open = () => undefined;
const context = (branch: BranchTurn[], input: Item[] = [user('now')]) =>
  assemble({ branch, input, settings: {}, open, budget }).items.map(({ item }) => item);

test.each(['chat', 'messages'])(
  'natives of input that was written in chat, for a request in %s',
  (dialect) => {
    const before = turn([user('one')], [assistant('1')]);
    Object.assign(before.turn, { dialect: 'chat', inputNatives: { 0: { name: 'Ada' } } });
    const input = [user('now')];
    const inputNatives = { 0: { own: true } };
    const { items } = assemble({
      branch: [before],
      input,
      inputNatives,
      dialect,
      settings: {},
      open,
      budget,
    });
    expect(items.map(({ native }) => native)).toEqual([
      ...(dialect === 'chat' ? [{ name: 'Ada' }] : [undefined]),
      ...[undefined, { own: true }],
    ]);
  },
);

describe('a call and its output', () => {
  test('are both in the context', () => {
    const items = [user('one'), call('a'), output('a'), user('now')];
    expect(context([turn([items[0]!], [items[1]!])], items.slice(2))).toEqual(items);
  });

  test('are both left out where one was deleted, also where the id is used again before or after', () => {
    const round = (text: string, hidden: string[][] = [[], []]) => [
      turn([user(text)], [call('0')], hidden[0]),
      turn([output('0', text)], [assistant(text)], hidden[1]),
    ];
    const whole = [user('two'), call('0'), output('0', 'two'), assistant('two'), user('now')];
    const without = [user('one'), assistant('one'), ...whole];
    expect(context([...round('one', [['o0'], []]), ...round('two')])).toEqual(without);
    expect(context([...round('one', [[], ['i0']]), ...round('two')])).toEqual(without);
    const after = [...round('two'), ...round('one', [[], ['i0']])];
    expect(context(after)).toEqual([...whole.slice(0, -1), user('one'), assistant('one'), user('now')]);
  });

  test('belong together also where a deletion leaves another call of their id without an output', () => {
    const first = turn([user('one')], [call('0')]);
    const closed = turn([output('0', 'none'), assistant('said')], [], ['i0']);
    const late = [call('0'), output('0', 'late')];
    expect(context([first, closed], late)).toEqual([user('one'), assistant('said'), ...late]);
  });

  test('keep their partners where an equal id of the same answer was deleted', () => {
    const calls = [call('0', 'weather'), call('0', 'population')];
    const outputs = [output('0', 'sunny'), output('0', '2 million')];
    const answered = turn(outputs, [assistant('done')], ['i0']);
    expect(context([turn([user('one')], calls, ['o0']), answered])).toEqual([
      user('one'),
      calls[1]!,
      outputs[1]!,
      assistant('done'),
      user('now'),
    ]);
  });

  test('get a different id where another call of the answer has the same', () => {
    const calls = [call('0', 'weather'), call('0', 'population'), call('0_2', 'height')];
    const outputs = [output('0', 'sunny'), output('0', '2 million'), output('0_2', '35 m')];
    expect(context([turn([user('one')], calls)], outputs)).toEqual([
      user('one'),
      call('0', 'weather'),
      call('0_2', 'population'),
      call('0_2_2', 'height'),
      output('0', 'sunny'),
      output('0_2', '2 million'),
      output('0_2_2', '35 m'),
    ]);
  });

  test('are left out where the call was cut and has no output', () => {
    const half = { ...call('a'), arguments: '{"ci', status: 'incomplete' } as Item;
    const broken = turn([user('one')], [half]);
    expect(context([broken])).toEqual([user('one'), user('now')]);
    expect(context([broken], [output('a')])).toEqual([user('one'), half, output('a')]);
    const copy = { ...call('a'), arguments: '{}' } as Item;
    expect(context([broken], [copy, output('a')])).toEqual([user('one'), copy, output('a')]);
  });

  test('of a hosted tool are left out where the answer broke off', () => {
    const search = item({ type: 'web_search_call', id: 'ws_1', status: 'incomplete' });
    const [whole, broken] = [turn([user('one')], [search]), turn([user('one')], [search])];
    broken.turn.state = 'cancelled';
    expect(context([broken])).toEqual([user('one'), user('now')]);
    expect(context([whole])).toEqual([user('one'), search, user('now')]);
  });

  test('of a hosted tool: the call needs no output, an output needs its call', () => {
    const program = item({ type: 'program', call_id: 'p', code: '' });
    const done = item({ type: 'program_output', call_id: 'p', result: '' });
    const nameless = item({ type: 'code_interpreter_call', call_id: '', code: '' });
    const search = item({ type: 'tool_search_call', call_id: 's', execution: 'client', arguments: {} });
    expect(context([turn([user('one')], [program, call('a')])], [output('a')])).toEqual([
      user('one'),
      program,
      call('a'),
      output('a'),
    ]);
    const left = [nameless, nameless, assistant('two')];
    expect(context([turn([user('one')], [done, search, ...left])])).toEqual([
      user('one'),
      ...left,
      user('now'),
    ]);
  });

  test('are those of the client where a hosted call has the same id', () => {
    const search = item({ type: 'web_search_call', call_id: 'a' });
    const items = [user('one'), search, call('a'), output('a')];
    expect(context([turn([items[0]!], items.slice(1, 3))], [output('a')])).toEqual([
      user('one'),
      search,
      call('a'),
      output('a'),
    ]);
  });

  test('of a hosted tool may have calls for the client between them', () => {
    const program = item({ type: 'program', call_id: 'p' });
    const result = item({ type: 'program_output', call_id: 'p' });
    const branch = [turn([user('one')], [program, call('a')]), turn([output('a')], [call('b')])];
    const items = [user('one'), program, call('a'), output('a'), call('b'), output('b'), result];
    expect(context(branch, [output('b'), result])).toEqual(items);
  });
});

describe('reasoning', () => {
  const answer = [reasoning('first'), reasoning('second'), assistant('said')];

  test('is kept with the item that follows it', () => {
    expect(context([turn([user('one')], answer)])).toEqual([user('one'), ...answer, user('now')]);
    const called = [reasoning('first'), call('a')];
    expect(context([turn([user('one')], called)], [output('a')])).toContainEqual(reasoning('first'));
  });

  test('is left out where this item was cut, deleted or left out', () => {
    const cut = [user('one'), user('now')];
    expect(context([turn([user('one')], answer.slice(0, 2))])).toEqual(cut);
    expect(context([turn([user('one')], answer, ['o2'])])).toEqual(cut);
    expect(context([turn([user('one')], [reasoning('first'), call('a')])])).toEqual(cut);
  });

  test('does not belong to an item of another answer', () => {
    const branch = [turn([user('one')], [reasoning('first')]), turn([], [assistant('said')])];
    expect(context(branch)).toEqual([user('one'), assistant('said'), user('now')]);
  });

  test('of the caller belongs to the item that the caller adds later', () => {
    const branch = [turn([user('one'), reasoning('first')], []), turn([assistant('said')], [])];
    expect(context(branch)).toEqual([user('one'), reasoning('first'), assistant('said'), user('now')]);
  });
});

test('items of an appended turn have no provider, and differ from new input', () => {
  const appended = { kind: 'append', input: [user('one')], output: [] as Item[] } as unknown as Turn;
  const branch = [{ turn: appended, tokens: 1, totalTokens: 1, digest: '', hidden: [] }];
  const [first, second] = assemble({ branch, input: [user('now')], settings: {}, open, budget }).items;
  expect(first).toEqual({ item: user('one'), answeredBy: '' });
  expect(second).toEqual({ item: user('now') });
});

describe('a compaction', () => {
  const compaction = item({ type: 'compaction', encrypted_content: 'c2VjcmV0' });
  const reads = { ...budget, compactionsOf: 'openai' };
  const counted = (known: BranchTurn, totalTokens: number): BranchTurn => ({ ...known, totalTokens });
  const branch = [
    counted(turn([user('one')], [assistant('1')]), 1),
    counted(turn([compaction, user('two')], [assistant('2')]), 2),
    counted(turn([user('three'), item({ type: 'compaction_trigger' })], [assistant('3')]), 3),
  ];

  const compacted = (provider: string): BranchTurn => {
    const known = turn([user('two')], [compaction, assistant('2')]);
    const answeredBy = { provider, protocol: 'openai-responses', model: 'm' };
    return counted({ ...known, turn: { ...known.turn, answeredBy } }, 2);
  };

  test('stands for everything before it, for a model that can read it', () => {
    const { items, keptTurns, droppedTokens } = assemble({
      ...{ branch, input: [user('now')], settings: {}, open, budget: reads },
    });
    expect(items.map(({ item }) => item)).toEqual([
      ...[compaction, user('two'), assistant('2'), user('three'), assistant('3'), user('now')],
    ]);
    expect({ keptTurns, droppedTokens }).toEqual({ keptTurns: 2, droppedTokens: 0 });
  });

  test('in the new input or in an answer leaves out the whole history', () => {
    const input = [compaction, user('now')];
    const assembled = assemble({ branch, input, settings: {}, open, budget: reads });
    expect(assembled.items.map(({ item }) => item)).toEqual(input);
    expect(assembled.droppedTokens).toBe(0);
    const answered = [branch[0]!, compacted('openai')];
    const after = assemble({ branch: answered, input: [user('now')], settings: {}, open, budget: reads });
    expect(after.items.map(({ item }) => item)).toEqual([compaction, assistant('2'), user('now')]);
  });

  test('of another provider leaves out nothing, because it is not sent', () => {
    const answered = [branch[0]!, compacted('anthropic')];
    const { items, keptTurns } = assemble({
      ...{ branch: answered, input: [user('now')], settings: {}, open, budget: reads },
    });
    expect(items.map(({ item }) => item)).toContainEqual(user('one'));
    expect(keptTurns).toBe(2);
  });

  test('does not make a model that cannot read it forget', () => {
    const items = assemble({ branch, input: [user('now')], settings: {}, open, budget }).items;
    expect(items[0]?.item).toEqual(user('one'));
  });
});
