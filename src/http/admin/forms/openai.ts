import type { Item, Part } from '../../../core/items.ts';
import { isOfModel, reasoningText } from '../../../core/items.ts';
import { toolCall } from '../../v1/chat/completion.ts';
import { toPart } from '../../v1/chat/messages-of-items.ts';
import { parseMessage } from '../../v1/chat/parse.ts';
import { LeftOut } from './items.ts';

type Message = Record<string, unknown>;

/** Messages of OpenAI's chat completions as turns: what a model made ends a turn. */
export function fromMessages(messages: readonly unknown[]) {
  const leftOut = new LeftOut();
  const parsed = { items: [] as Item[], natives: {} };
  messages.forEach((message, index) => {
    parseMessage(message, `messages[${index}]`, parsed);
  });
  const now = Date.now();
  const turns: { key: string; parent?: string; input: Item[]; output: Item[]; createdAt: number }[] = [];
  for (const item of parsed.items) {
    const last = turns.at(-1);
    const isAnswer = isOfModel(item);
    if (last && (isAnswer || last.output.length === 0)) last[isAnswer ? 'output' : 'input'].push(item);
    else {
      const key = String(turns.length);
      const sides = isAnswer ? { input: [], output: [item] } : { input: [item], output: [] };
      turns.push({ key, ...(last && { parent: last.key }), ...sides, createdAt: now });
    }
  }
  return { form: 'openai', createdAt: now, turns, leftOut: leftOut.counts };
}

/** Items of a branch as messages of OpenAI's chat completions, and what these have no place for. */
export function toMessages(items: readonly Item[]): { messages: Message[]; leftOut: Record<string, number> } {
  const leftOut = new LeftOut();
  const messages: Message[] = [];
  /** What the model thought since its last message or call. */
  let thoughts: string[] = [];
  const addThoughts = (message: Message): void => {
    if (thoughts.length === 0) return;
    const before = typeof message.reasoning_content === 'string' ? [message.reasoning_content] : [];
    message.reasoning_content = [...before, ...thoughts].join('\n\n');
    thoughts = [];
  };
  const leaveThoughtsOut = (): void => {
    for (const _ of thoughts) leftOut.add('reasoning');
    thoughts = [];
  };
  /** The assistant's message that calls are added to. */
  const answer = (): Message => {
    const last = messages.at(-1);
    if (last?.role === 'assistant') return last;
    const made: Message = { role: 'assistant', content: null };
    messages.push(made);
    return made;
  };
  for (const item of items) {
    const call = toolCall(item);
    if (item.type === 'reasoning') thoughts.push(...[reasoningText(item)].filter(Boolean));
    else if (call) {
      const message = answer();
      addThoughts(message);
      message.tool_calls ??= [];
      (message.tool_calls as unknown[]).push(call);
    } else if (item.type === 'message') {
      const message = { role: item.role, ...contentOf(item.content, item.role === 'assistant') };
      if (item.role === 'assistant') addThoughts(message);
      else leaveThoughtsOut();
      messages.push(message);
    } else if (item.type === 'function_call_output')
      messages.push({
        ...{ role: 'tool', tool_call_id: item.call_id },
        content: typeof item.output === 'string' ? item.output : item.output.map(toPart),
      });
    else leftOut.add(item.type);
  }
  leaveThoughtsOut();
  return { messages, leftOut: leftOut.counts };
}

function contentOf(parts: readonly Part[], isAnswer: boolean): Message {
  const refusal = parts.find((part) => part.type === 'refusal');
  const rest = parts.filter((part) => part.type !== 'refusal');
  const isText = rest.every((part) => part.type === 'input_text' || part.type === 'output_text');
  const content = isText ? rest.map((part) => ('text' in part ? part.text : '')).join('') : rest.map(toPart);
  return {
    content: isAnswer && content === '' ? null : content,
    ...(refusal && { refusal: refusal.refusal }),
  };
}
