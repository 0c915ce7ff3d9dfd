import { describe, expect, test } from 'bun:test';
import type { Fault } from '../../../src/core/errors.ts';
import type { Item } from '../../../src/core/items.ts';
import type { BranchTurn, Turn } from '../../../src/core/turn.ts';
import { digestItems, EMPTY_DIGEST } from '../../../src/session/history.ts';
import { isClosingOutput, repairToolPairs } from '../../../src/session/tool-pairs.ts';

const item = (fields: Record<string, unknown>) => fields as unknown as Item;
const message = (role: string, text = role) =>
  item({ type: 'message', role, content: [{ type: 'input_text', text }] });
const user = message('user');
const assistant = message('assistant');
const call = (call_id: string, type = 'function_call') =>
  item({ type, call_id, name: 'weather', arguments: '{}' });
const output = (call_id: string, text = `of ${call_id}`) =>
  item({ type: 'function_call_output', call_id, output: text });
const reasoning = item({ type: 'reasoning', summary: [] });
const cut = item({ type: 'reasoning', summary: [], status: 'incomplete' });
const closing = (call_id: string) =>
  item({
    type: 'function_call_output',
    call_id,
    output: 'No output: the call was never answered.',
    status: 'incomplete',
  });

/** Each turn asked a model. All its items are in its input: it makes no difference here. */
const branch = (...turns: Item[][]): BranchTurn[] =>
  turns.map((input) => {
    const turn = { kind: 'ask', model: 'echo', input, output: [] as Item[] } as unknown as Turn;
    return { turn, tokens: 1, totalTokens: 1, digest: '', hidden: [] };
  });
const asked = (before: Item[], input: Item[]) => repairToolPairs(branch(before), input, true);
const appended = (before: Item[], input: Item[]) => repairToolPairs(branch(before), input, false);

describe('calls', () => {
  test('that all have outputs need no repair: the input itself is returned', () => {
    const input = [output('a'), output('b'), user];
    expect(asked([call('a'), call('b')], input)).toBe(input);
  });

  test('without outputs are closed before a message of the user', () => {
    expect(asked([call('a'), call('b')], [output('b'), user])).toEqual([output('b'), closing('a'), user]);
  });

  test('without outputs are closed before the model is asked', () => {
    expect(asked([call('a'), call('b')], [output('a')])).toEqual([output('a'), closing('b')]);
    expect(asked([call('a')], [])).toEqual([closing('a')]);
  });

  test('of a client that searches tools are closed in the form of that search', () => {
    const search = (fields: object) => item({ call_id: 'a', execution: 'client', ...fields });
    const closed = search({ type: 'tool_search_output', tools: [], status: 'incomplete' });
    expect(asked([search({ type: 'tool_search_call', arguments: {} })], [user])).toEqual([closed, user]);
    expect(isClosingOutput(closed)).toBe(true);
    expect(asked([search({ type: 'tool_search_call', execution: 'server' })], [user])).toEqual([user]);
  });

  test('that have no id, or run at the provider, are never closed', () => {
    const before = [call('', 'code_interpreter_call'), call('p', 'program'), call('', 'function_call')];
    const input = [user];
    expect(asked(before, input)).toBe(input);
  });

  test('may stay open while items are added', () => {
    const input = [user, call('a'), call('b')];
    expect(appended([], input)).toBe(input);
    expect(appended(input, [output('b')])).toEqual([output('b')]);
    expect(appended([...input, output('b')], [user])).toEqual([closing('a'), user]);
  });

  test('of one answer are closed before the model continues with the outputs of the others', () => {
    const input = [user, call('a'), call('b'), output('b'), call('c'), output('c'), assistant];
    expect(asked([], input)).toEqual([...input.slice(0, 4), closing('a'), call('c'), output('c'), assistant]);
  });

  test('may have messages of the model between them', () => {
    const input = [user, call('a'), assistant, call('b'), output('b'), output('a')];
    expect(asked([], input)).toBe(input);
  });

  test('are closed before messages of the model that are added later', () => {
    expect(appended([call('a')], [assistant])).toEqual([closing('a'), assistant]);
    expect(appended([call('a')], [assistant, output('a')])).toEqual([output('a'), assistant]);
  });

  test('get their outputs before the message that preceded the outputs', () => {
    expect(asked([call('a'), call('b')], [user, output('b')])).toEqual([closing('a'), output('b'), user]);
  });

  test('that run at the provider stay unchanged', () => {
    const hosted = item({ type: 'web_search_call', call_id: 's', status: 'completed' });
    const program = item({ type: 'program_output', call_id: 'p', result: 'x' });
    const input = [hosted, user, program, user];
    expect(asked([], input)).toBe(input);
  });

  test('that were cut get no closing output, and take the output that the client sends', () => {
    const half = item({
      type: 'function_call',
      call_id: 'h',
      name: 'f',
      arguments: '{"a',
      status: 'incomplete',
    });
    const next = [user];
    expect(asked([half], next)).toBe(next);
    expect(asked([half, call('a')], next)).toEqual([closing('a'), user]);
    const input = [output('h'), user];
    expect(asked([half], input)).toBe(input);
    expect(asked([half], [user, output('h')])).toEqual([output('h'), user]);
    // The client sends the output late: the call is repeated.
    const late = repairToolPairs(branch([half], [user], [user]), [output('h')], true);
    expect(late).toEqual([half, output('h')]);
    // The client sends the call back, without a mark.
    const copy = [item({ type: 'function_call', call_id: 'h', name: 'f', arguments: '{"a' }), output('h')];
    expect(asked([half], copy)).toBe(copy);
  });

  test.each([
    ['custom_tool_call', { output: 'No output: the call was never answered.' }],
    [
      'shell_call',
      {
        output: [
          {
            stdout: '',
            stderr: 'No output: the call was never answered.',
            outcome: { type: 'exit', exit_code: 1 },
          },
        ],
        status: 'incomplete',
      },
    ],
    ['apply_patch_call', { output: 'No output: the call was never answered.', status: 'failed' }],
    [
      'computer_call',
      {
        output: {
          type: 'computer_screenshot',
          image_url: expect.stringMatching(/^data:image\/png;base64,/),
        },
        status: 'incomplete',
      },
    ],
  ])('of kind %s are closed in the form of their output', (type, fields) => {
    const [closed] = asked([call('a', type)], []);
    expect(closed as object).toEqual({ type: `${type}_output`, call_id: 'a', ...fields });
    expect(isClosingOutput(closed!)).toBe(true);
  });
});

describe('calls with the same id', () => {
  test('get their outputs in order', () => {
    const before = [call('0'), call('0')];
    expect(asked(before, [output('0', 'one'), output('0', 'two')])).toHaveLength(2);
    expect(asked(before, [output('0', 'one'), user])).toEqual([output('0', 'one'), closing('0'), user]);
    expect(asked(before, [])).toEqual([closing('0'), closing('0')]);
  });

  test('each have their own outputs where they are in different answers', () => {
    const input = [user, call('0'), user, call('0'), output('0'), user];
    expect(asked([], input)).toEqual([user, call('0'), closing('0'), ...input.slice(2)]);
  });
});

describe('outputs', () => {
  const refused = (before: Item[], input: Item[]) => {
    try {
      return asked(before, input);
    } catch (error) {
      return error;
    }
  };

  test('that are sent twice are recorded once', () => {
    expect(asked([call('a')], [output('a'), output('a'), user])).toEqual([output('a'), user]);
    const before = [call('a'), output('a')];
    expect(asked(before, [output('a'), user])).toEqual([user]);
    expect(appended(before, [output('a')])).toEqual([]);
  });

  test('that are sent again with every retry are recorded once; messages are recorded every time', () => {
    const before = branch([user, call('a')], [output('a'), assistant], [user, assistant], [assistant]);
    expect(repairToolPairs(before, [output('a'), user], true)).toEqual([user]);
  });

  test('that come after their call was closed follow a copy of the call', () => {
    const before = branch([user, call('a'), call('b')], [closing('a'), closing('b'), user]);
    const late = [call('b'), output('b'), call('a'), output('a'), user];
    expect(repairToolPairs(before, [output('b'), output('a'), user], true)).toEqual(late);
    const after = [...before, ...branch(late)];
    expect(repairToolPairs(after, [output('b'), user], true)).toEqual([user]);
  });

  test('of closed calls go after the outputs of open calls', () => {
    const before = branch([user, call('a')], [closing('a'), user, call('b'), call('c')]);
    expect(repairToolPairs(before, [output('a'), output('c')], true)).toEqual([
      closing('b'),
      output('c'),
      call('a'),
      output('a'),
    ]);
  });

  test('that replace deleted outputs follow a copy of the call', () => {
    const before = branch([user, call('a')], [output('a', 'wrong'), assistant]);
    before[1]!.hidden = ['i0'];
    expect(repairToolPairs(before, [user], true)).toEqual([user]);
    expect(repairToolPairs(before, [output('a', 'right')], true)).toEqual([call('a'), output('a', 'right')]);
  });

  test('of deleted calls are recorded: the client may not know of the deletion', () => {
    const before = branch([user, call('a'), call('b')]);
    before[0]!.hidden = ['i1'];
    const input = [output('a'), output('b'), user];
    expect(repairToolPairs(before, input, true)).toBe(input);
  });

  test.each([
    ['of no call', [], [user, output('a')], 1],
    ['of a call that came later', [], [output('a'), call('a')], 0],
    ['that differ from the output that the call has', [call('a'), output('a')], [output('a', 'else')], 0],
  ])('%s are refused', (_, before, input, at) => {
    const code = 'tool_output_without_call';
    const failure = refused(before, input) as unknown as Fault;
    expect(failure).toMatchObject({ code, about: { field: 'call_id' } });
    expect((failure.about as { content: Item }).content).toBe(input[at]!);
  });
});

describe('reasoning', () => {
  test.each([
    [
      [reasoning, user],
      [cut, user],
    ],
    [
      [reasoning, reasoning, output('a'), user],
      [cut, cut, output('a'), user],
    ],
    [
      [user, reasoning],
      [user, cut],
    ],
  ])('that nothing follows is marked incomplete (%#)', (input, repaired) => {
    expect(asked([call('a')], input).filter((each) => !isClosingOutput(each))).toEqual(repaired);
  });

  test.each([[assistant], [call('b')], [item({ type: 'web_search_call' })]])(
    'that the model continued stays unchanged (%#)',
    (next) => {
      const input = [user, reasoning, reasoning, next];
      expect(appended([], input)).toBe(input);
    },
  );

  test('may still be continued while items are added', () => {
    const input = [user, reasoning];
    expect(appended([], input)).toBe(input);
  });
});

test('messages after messages and reasoning are returned as they are', () => {
  const input = [assistant, user];
  expect(asked([], input)).toBe(input);
  expect(asked([user, reasoning, assistant], input)).toBe(input);
});

test('outputs that the gateway wrote do not change the digest of a history', () => {
  const known = [user, call('a'), user];
  const repaired = asked([], known);
  expect(repaired).toHaveLength(4);
  expect(digestItems(EMPTY_DIGEST, repaired)).toBe(digestItems(EMPTY_DIGEST, known));
  const answered = [user, call('a'), output('a'), user];
  expect(digestItems(EMPTY_DIGEST, answered)).not.toBe(digestItems(EMPTY_DIGEST, known));
});
