import { describe, expect, test } from 'bun:test';
import type { TurnId } from '../../../src/core/ids.ts';
import { type Item, isFullHistory, type Part } from '../../../src/core/items.ts';
import type { BranchTurn, Turn } from '../../../src/core/turn.ts';
import { digestItems, EMPTY_DIGEST, matchHistory, repeatedQuestion } from '../../../src/session/history.ts';

const item = (fields: Record<string, unknown>) => fields as unknown as Item;
const said = (role: string, text: string) =>
  item({ type: 'message', role, content: [{ type: 'input_text', text }] });
const user = (text: string) => said('user', text);
const call = (call_id: string) => item({ type: 'function_call', call_id, name: 'f', arguments: '{}' });
const output = (call_id: string) => item({ type: 'function_call_output', call_id, output: 'sunny' });

describe('items are new input, not a history:', () => {
  test.each([
    'function_call_output',
    'mcp_approval_response',
    'compaction',
    'compaction_trigger',
    'configuration_update',
    'item_reference',
  ])('%s', (type) => {
    expect(isFullHistory([item({ type })])).toBe(false);
    expect(isFullHistory([said('system', 's'), item({ type }), user('q')])).toBe(false);
  });
});

describe('items are a history when they hold', () => {
  test.each([
    'function_call',
    'custom_tool_call',
    'web_search_call',
    'mcp_call',
    'server_tool_use',
    'program',
    'mcp_list_tools',
    'mcp_approval_request',
    'reasoning',
  ])('%s', (type) => {
    expect(isFullHistory([user('q'), item({ type })])).toBe(true);
  });
});

describe('a match', () => {
  const content = [user('q'), said('assistant', 'a')];
  const node = (items: Item[], fields: object = {}) => ({
    ...{ id: 'turn' as TurnId, digest: digestItems(EMPTY_DIGEST, items), line: 1 as number | null },
    ...fields,
  });

  test('does not look at opening instructions', () => {
    const match = matchHistory([said('system', 's'), ...content, user('q2')], [node(content)]);
    expect(match).toEqual({ parent: 'turn' as TurnId, line: 1, shared: 3 });
  });

  test('is found in branches whose digests include their instructions', () => {
    const old = [said('system', 's'), ...content];
    expect(matchHistory([...old, user('q2')], [node(old)])).toMatchObject({ parent: 'turn', shared: 3 });
  });

  test('does not look at items that a chat client does not have', () => {
    const hosted = [
      ...[
        { type: 'web_search_call', action: { type: 'search', query: 'q' } },
        { type: 'mcp_list_tools', tools: [] },
      ],
      ...[
        { type: 'server_tool_use', name: 'web_search' },
        { type: 'web_search_tool_result', content: [] },
      ],
      { type: 'custom_tool_call', name: 'x_search', execution: 'server' },
    ].map(item);
    const match = matchHistory([...content, user('q2')], [node([content[0]!, ...hosted, content[1]!])]);
    expect(match).toMatchObject({ parent: 'turn', shared: 2 });
  });

  test('takes the messages of an answer for one', () => {
    const parts = [user('q'), said('assistant', 'on'), item({ type: 'program' }), said('assistant', 'e')];
    const whole = [user('q'), said('assistant', 'one')];
    expect(matchHistory([...whole, user('q2')], [node(parts)])).toMatchObject({ parent: 'turn', shared: 2 });
    expect(matchHistory([...parts, user('q2')], [node(whole)])).toMatchObject({ parent: 'turn', shared: 4 });
  });

  test('is found where a turn continued a message of its input', () => {
    const [question, begun, rest] = [user('q'), said('assistant', 'on'), said('assistant', 'e')];
    const asked = digestItems(EMPTY_DIGEST, [question, begun]);
    const digest = digestItems(asked, [rest]);
    const match = matchHistory([question, begun, rest, user('q2')], [node([], { digest })]);
    expect(match).toMatchObject({ parent: 'turn', shared: 3 });
  });

  test('is not a turn without output, and not an empty one', () => {
    const request = [said('system', 's'), ...content, user('q2')];
    expect(matchHistory(request, [node([user('q')], { line: null }), node([])]).parent).toBeNull();
  });
});

describe('the last question that is sent again with the output of a call', () => {
  const turn = (id: string, parent: string | null, input: Item[], answer: Item[]): BranchTurn => ({
    turn: { kind: 'ask', id, parent, input, output: answer } as unknown as Turn,
    ...{ tokens: 1, totalTokens: 1, digest: '', hidden: [] },
  });
  const first = turn('1', null, [said('system', 's'), user('q')], [call('c1')]);
  const second = turn('2', '1', [output('c1')], [call('c2')]);

  test('is left out', () => {
    expect(repeatedQuestion([user('q'), output('c1')], [first])?.rest).toEqual([output('c1')]);
    const rest = [output('c1'), output('c2')];
    expect(repeatedQuestion([user('q'), ...rest], [first, second])).toEqual({ asked: first, rest });
  });

  test('is kept where it is another question, or the output is of another call', () => {
    expect(repeatedQuestion([user('other'), output('c1')], [first])).toBeUndefined();
    expect(repeatedQuestion([user('q'), output('c9')], [first])).toBeUndefined();
    expect(repeatedQuestion([user('q'), user('q')], [first])).toBeUndefined();
    expect(repeatedQuestion([output('c1'), user('q')], [first])).toBeUndefined();
    expect(repeatedQuestion([user('q'), output('c1')], [])).toBeUndefined();
  });
});

describe('a digest', () => {
  const hosted = item({ type: 'web_search_call', id: 'ws', status: 'completed' });
  const answer = (text: string) => said('assistant', text);
  const same = (a: Item[], b: Item[]) =>
    expect(digestItems(EMPTY_DIGEST, a)).toBe(digestItems(EMPTY_DIGEST, b));

  test('counts an answer as chat clients see it', () => {
    const seen = [user('q'), answer('a b'), call('c1'), output('c1'), answer('c')];
    same([user('q'), answer('a '), hosted, answer('b'), call('c1'), output('c1'), hosted, answer('c')], seen);
    same([user('q'), answer('a '), call('c1'), answer('b'), output('c1'), answer('c')], seen);
  });

  test('counts of an answer the text alone', () => {
    const parts = (...content: Part[]) => item({ ...answer(''), content });
    const text = (text: string): Part => ({ type: 'output_text', text, annotations: [] });
    const refusal = (refusal: string): Part => ({ type: 'refusal', refusal });
    same([parts(text('a'), refusal('no'), text('b'), refusal('no'))], [parts(text('ab'), refusal('nono'))]);
    same([parts(text('ab'), refusal('no'))], [answer('ab')]);
    same([user('q'), parts(refusal('no'))], [user('q'), parts()]);
    same([user('q'), parts(text(''))], [user('q'), parts()]);
  });

  test('is the same for a custom call and its output in both dialects', () => {
    const fields = { call_id: 'c', name: 'patch', input: 'x' };
    const done = { call_id: 'c', output: 'done' };
    same(
      [item({ type: 'custom_tool_call', ...fields }), item({ type: 'function_call_output', ...done })],
      [
        item({ input: 'x', name: 'patch', call_id: 'c', type: 'custom_tool_call', status: 'completed' }),
        item({ type: 'custom_tool_call_output', ...done }),
      ],
    );
  });

  test('is found at the end of a turn, also where the next turn begins with a message of the model', () => {
    const first = digestItems(digestItems(EMPTY_DIGEST, [user('q')]), [answer('a')]);
    const tree = [
      { id: 'first' as TurnId, digest: first, line: 0 },
      { id: 'second' as TurnId, digest: digestItems(first, [answer('b')]), line: 0 },
    ];
    const history = [user('q'), answer('a'), answer('b'), user('q2')];
    expect(matchHistory(history, tree)).toMatchObject({ parent: 'second', shared: 3 });
  });

  test('takes a time that grows with the number of items alone', () => {
    const items = Array.from({ length: 20_000 }, (_, at) => (at % 2 ? answer('a') : call(`c${at}`)));
    const started = performance.now();
    digestItems(EMPTY_DIGEST, items);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('a call is the same in every form of its arguments:', () => {
  const called = (text: string) => item({ type: 'function_call', call_id: 'c', name: 'f', arguments: text });
  const digest = (...items: Item[]) => digestItems(EMPTY_DIGEST, [user('q'), ...items]);

  test('with and without white space', () => {
    expect(digest(called('{ "city" : "Paris", "n": 1.0 }'))).toBe(digest(called('{"city":"Paris","n":1}')));
    expect(digest(called('{"city":"Paris"}'))).not.toBe(digest(called('{"city":"Rome"}')));
  });

  test('text that is not JSON counts as it is', () => {
    expect(digest(called('{"city": '))).not.toBe(digest(called('{"city":')));
  });

  test('an output is the same as a text and as parts', () => {
    const parts = [
      { type: 'input_text', text: 'sun' },
      { type: 'input_text', text: 'ny' },
    ];
    expect(digest(output('c'))).toBe(
      digest(item({ type: 'function_call_output', call_id: 'c', output: parts })),
    );
  });

  test('turns that were stored before are found by how their arguments were written', () => {
    // The digest of these items, as versions before this one made it.
    const stored = { id: 'turn' as TurnId, digest: '5236d4525e3b1e2', line: 0 };
    const items = [user('q'), called('{ "city" : "Paris" }'), output('c')];
    expect(matchHistory(items, [stored])).toEqual({ parent: stored.id, line: 0, shared: 2 });
  });
});
