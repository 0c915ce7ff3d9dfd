import { describe, expect, test } from 'bun:test';
import type { Item } from '../../../src/core/items.ts';
import type { BranchTurn, Turn } from '../../../src/core/turn.ts';
import { digestItems, EMPTY_DIGEST } from '../../../src/session/digest.ts';
import { isClosing, mend } from '../../../src/session/integrity.ts';

const item = (fields: Record<string, unknown>) => fields as unknown as Item;
const said = (role: string, text = role) =>
  item({ type: 'message', role, content: [{ type: 'input_text', text }] });
const user = said('user');
const assistant = said('assistant');
const call = (call_id: string, type = 'function_call') =>
  item({ type, call_id, name: 'weather', arguments: '{}' });
const output = (call_id: string, text = `of ${call_id}`) =>
  item({ type: 'function_call_output', call_id, output: text });
const thought = item({ type: 'reasoning', summary: [] });
const cut = item({ type: 'reasoning', summary: [], status: 'incomplete' });
const closing = (call_id: string) =>
  item({
    type: 'function_call_output',
    call_id,
    output: 'No output: the call was never answered.',
    status: 'incomplete',
  });

/** Each turn asked a model; who wrote its items does not matter here. */
const branch = (...turns: Item[][]): BranchTurn[] =>
  turns.map((input) => {
    const turn = { model: 'echo', input, output: [] as Item[] } as Turn;
    return { turn, tokens: 1, totalTokens: 1, digest: '', hidden: [] };
  });
const asked = (before: Item[], input: Item[]) => mend(branch(before), input, true);
const appended = (before: Item[], input: Item[]) => mend(branch(before), input, false);

describe('calls', () => {
  test('answered in full need no mending, and the input is given back as it is', () => {
    const input = [output('a'), output('b'), user];
    expect(asked([call('a'), call('b')], input)).toBe(input);
  });

  test('that nobody answers are closed before somebody else speaks', () => {
    expect(asked([call('a'), call('b')], [output('b'), user])).toEqual([output('b'), closing('a'), user]);
  });

  test('that nobody answers are closed before the model is asked', () => {
    expect(asked([call('a'), call('b')], [output('a')])).toEqual([output('a'), closing('b')]);
    expect(asked([call('a')], [])).toEqual([closing('a')]);
  });

  test('may stay open while items are added', () => {
    const input = [user, call('a'), call('b')];
    expect(appended([], input)).toBe(input);
    expect(appended(input, [output('b')])).toEqual([output('b')]);
    expect(appended([...input, output('b')], [user])).toEqual([closing('a'), user]);
  });

  test('of one answer are closed before the model goes on with what came of the others', () => {
    const input = [user, call('a'), call('b'), output('b'), call('c'), output('c'), assistant];
    expect(asked([], input)).toEqual([...input.slice(0, 4), closing('a'), call('c'), output('c'), assistant]);
  });

  test('may have words of the model among them', () => {
    const input = [user, call('a'), assistant, call('b'), output('b'), output('a')];
    expect(asked([], input)).toBe(input);
  });

  test('are closed before words of the model that are added later', () => {
    expect(appended([call('a')], [assistant])).toEqual([closing('a'), assistant]);
    expect(appended([call('a')], [assistant, output('a')])).toEqual([output('a'), assistant]);
  });

  test('are answered before the message behind which their outputs came', () => {
    expect(asked([call('a'), call('b')], [user, output('b')])).toEqual([closing('a'), output('b'), user]);
  });

  test('that run at the provider are left alone', () => {
    const hosted = item({ type: 'web_search_call', call_id: 's', status: 'completed' });
    const program = item({ type: 'program_output', call_id: 'p', result: 'x' });
    const input = [hosted, user, program, user];
    expect(asked([], input)).toBe(input);
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
    expect(isClosing(closed!)).toBe(true);
  });
});

describe('calls of one id', () => {
  test('are answered in their order', () => {
    const before = [call('0'), call('0')];
    expect(asked(before, [output('0', 'one'), output('0', 'two')])).toHaveLength(2);
    expect(asked(before, [output('0', 'one'), user])).toEqual([output('0', 'one'), closing('0'), user]);
    expect(asked(before, [])).toEqual([closing('0'), closing('0')]);
  });

  test('each have their own outputs where the answers are not the same', () => {
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

  test('that come twice are taken once', () => {
    expect(asked([call('a')], [output('a'), output('a'), user])).toEqual([output('a'), user]);
    const before = [call('a'), output('a')];
    expect(asked(before, [output('a'), user])).toEqual([user]);
    expect(appended(before, [output('a')])).toEqual([]);
  });

  test('that come again with every new try are taken once, and what else is said every time', () => {
    const before = branch([user, call('a')], [output('a'), assistant], [user, assistant], [assistant]);
    expect(mend(before, [output('a'), user], true)).toEqual([user]);
  });

  test('that come after their call was closed follow the call again', () => {
    const before = branch([user, call('a'), call('b')], [closing('a'), closing('b'), user]);
    const late = [call('b'), output('b'), call('a'), output('a'), user];
    expect(mend(before, [output('b'), output('a'), user], true)).toEqual(late);
    const after = [...before, ...branch(late)];
    expect(mend(after, [output('b'), user], true)).toEqual([user]);
  });

  test('that come too late go behind those that are waited for', () => {
    const before = branch([user, call('a')], [closing('a'), user, call('b'), call('c')]);
    expect(mend(before, [output('a'), output('c')], true)).toEqual([
      closing('b'),
      output('c'),
      call('a'),
      output('a'),
    ]);
  });

  test('that take the place of deleted ones follow the call again', () => {
    const before = branch([user, call('a')], [output('a', 'wrong'), assistant]);
    before[1]!.hidden = ['i0'];
    expect(mend(before, [user], true)).toEqual([user]);
    expect(mend(before, [output('a', 'right')], true)).toEqual([call('a'), output('a', 'right')]);
  });

  test('of calls that were deleted are taken: their sender need not know', () => {
    const before = branch([user, call('a'), call('b')]);
    before[0]!.hidden = ['i1'];
    const input = [output('a'), output('b'), user];
    expect(mend(before, input, true)).toBe(input);
  });

  test.each([
    ['of no call', [], [user, output('a')], 1],
    ['of a call that came later', [], [output('a'), call('a')], 0],
    ['that contradict one that was given', [call('a'), output('a')], [output('a', 'else')], 0],
  ])('%s are refused', (_, before, input, at) => {
    const code = 'tool_output_without_call';
    expect(refused(before, input)).toMatchObject({ code, param: `input[${at}].call_id` });
  });
});

describe('thoughts', () => {
  test.each([
    [
      [thought, user],
      [cut, user],
    ],
    [
      [thought, thought, output('a'), user],
      [cut, cut, output('a'), user],
    ],
    [
      [user, thought],
      [user, cut],
    ],
  ])('that lead to nothing are marked as cut (%#)', (input, mended) => {
    expect(asked([call('a')], input).filter((each) => !isClosing(each))).toEqual(mended);
  });

  test.each([[assistant], [call('b')], [item({ type: 'web_search_call' })]])(
    'that lead to something stay as they are (%#)',
    (next) => {
      const input = [user, thought, thought, next];
      expect(appended([], input)).toBe(input);
    },
  );

  test('may still lead to something while items are added', () => {
    const input = [user, thought];
    expect(appended([], input)).toBe(input);
  });
});

test('what the gateway wrote itself does not make a history another one', () => {
  const known = [user, call('a'), user];
  const mended = asked([], known);
  expect(mended).toHaveLength(4);
  expect(digestItems(EMPTY_DIGEST, mended)).toBe(digestItems(EMPTY_DIGEST, known));
  const answered = [user, call('a'), output('a'), user];
  expect(digestItems(EMPTY_DIGEST, answered)).not.toBe(digestItems(EMPTY_DIGEST, known));
});
