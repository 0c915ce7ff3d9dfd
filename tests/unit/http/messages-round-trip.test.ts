import { describe, expect, test } from 'bun:test';
import type { TurnId } from '../../../src/core/ids.ts';
import type { Item } from '../../../src/core/items.ts';
import type { Tenant } from '../../../src/core/request.ts';
import { SEAL_PREFIX, type Thought } from '../../../src/core/seal.ts';
import type { AnsweredTurn } from '../../../src/core/turn.ts';
import { parseMessages } from '../../../src/http/v1/messages/items.ts';
import { messageOf } from '../../../src/http/v1/messages/message.ts';
import { digestItems, EMPTY_DIGEST } from '../../../src/session/history.ts';
import { asList, type Json } from '../../simulators/provider/shape.ts';

/** What a client gets of a turn and sends back is the same conversation as the stored one. */

const seal = ({ origin }: Thought) => `${SEAL_PREFIX}${origin}`;
const item = (fields: Json) => fields as unknown as Item;
const said = (text: string, annotations: unknown[] = []) =>
  item({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text, annotations }] });
const call = (call_id: string, args: string) =>
  item({ type: 'function_call', call_id, name: 'look', arguments: args });
const thought = (fields: Json) => item({ type: 'reasoning', summary: [], ...fields });

function answered(output: Item[], protocol = 'openai-chat', outputNatives?: Record<number, unknown>) {
  return {
    ...{ id: 'turn' as TurnId, tenant: 'default' as Tenant, model: 'm', output, outputNatives },
    ...{ answeredBy: { provider: 'p', protocol, model: 'm' }, finish: [{ unified: 'stop', raw: null }] },
  } as unknown as AnsweredTurn;
}

function returned(turn: AnsweredTurn) {
  const message = JSON.parse(JSON.stringify(messageOf(turn, seal))) as Json;
  return { message, ...parseMessages([{ role: 'assistant', content: message.content }], []) };
}

const WEB = { type: 'url_citation', url: 'https://x.test', title: 'X', start_index: 0, end_index: 1 };
const OUTPUTS: Record<string, Item[]> = {
  'a text': [said('Hello')],
  'texts around calls': [said('I look.'), call('a', '{"at": "x", "n": 1.0}'), call('b', '{}'), said('Done.')],
  'arguments that are no object': [call('a', '"x"')],
  'a citation of another provider': [said('Cited', [WEB])],
  'a refusal': [item({ type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] })],
  'a thought before a call': [thought({ encrypted_content: 'secret' }), call('a', '{}')],
  'a hosted call': [item({ type: 'web_search_call', status: 'completed' }), said('Found')],
};

describe('an answer that a client sends back', () => {
  test.each(Object.entries(OUTPUTS))('with %s has the digest of the stored one', (_, output) => {
    const { items } = returned(answered(output));
    expect(digestItems(EMPTY_DIGEST, items)).toBe(digestItems(EMPTY_DIGEST, output));
  });

  test('has an image as it came', () => {
    const image = {
      type: 'image_generation_call',
      status: 'completed',
      output_format: 'png',
      result: 'QQ==',
    };
    expect(returned(answered([item(image), said('Look')])).items[0]).toEqual(item(image));
  });

  test('has a thought of another API as a seal, before what follows it', () => {
    const content = [{ type: 'reasoning_text', text: 'Hm' }];
    const { message, items } = returned(answered([thought({ content }), call('a', '{}')]));
    expect(asList(message.content)[0]).toEqual({
      ...{ type: 'thinking', thinking: 'Hm', signature: `${SEAL_PREFIX}p` },
    });
    expect(items[0]).toEqual(thought({ encrypted_content: `${SEAL_PREFIX}p` }));
    expect(items[1]?.type).toBe('function_call');
  });

  test('has a thought of the same API with its own signature or data', () => {
    const content = [{ type: 'reasoning_text', text: 'Hm' }];
    const output = [thought({ content }), thought({ encrypted_content: 'data' }), said('Hello')];
    const { message, items, natives } = returned(answered(output, 'anthropic', { 0: { signature: 'sig' } }));
    expect(asList(message.content).slice(0, 2)).toEqual([
      { type: 'thinking', thinking: 'Hm', signature: 'sig' },
      { type: 'redacted_thinking', data: 'data' },
    ]);
    expect(items.slice(0, 2)).toEqual(output.slice(0, 2));
    expect(natives).toEqual({ 0: { signature: 'sig' } });
  });

  test('shows no thought at its end that says nothing', () => {
    const { message } = returned(answered([said('Hello'), thought({})]));
    expect(asList(message.content).map(({ type }) => type)).toEqual(['text']);
  });

  test('has a block of the same API as it came', () => {
    const search = { type: 'server_tool_use', name: 'web_search', input: { query: 'x' } };
    const { message } = returned(answered([item(search)], 'anthropic', { 0: { id: 'srvtoolu_1' } }));
    expect(message.content).toEqual([{ ...search, id: 'srvtoolu_1' }]);
  });

  test('explains a refusal where Anthropic does', () => {
    const { message } = returned(answered(OUTPUTS['a refusal']!));
    expect(message).toMatchObject({
      content: [],
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', category: null, explanation: 'No.' },
    });
  });
});
