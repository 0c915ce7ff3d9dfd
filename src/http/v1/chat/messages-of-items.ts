import { isGeneratedImage } from '../../../core/generated-images.ts';
import type { Item, Part } from '../../../core/items.ts';
import type { Seal } from '../../../core/seal.ts';
import type { AnsweredTurn } from '../../../core/turn.ts';
import { messageOf, toolCall } from './completion.ts';
import { AnswerReasoning } from './reasoning.ts';

type Message = Record<string, unknown>;

/** The input of a turn as chat messages: the inverse of `parseMessages`. */
export function toMessages(turn: AnsweredTurn, seal: Seal): Message[] {
  const { id, tenant, input: items, inputNatives: natives } = turn;
  const messages: Message[] = [];
  let run: Item[] = [];
  const closeRun = () => {
    if (run.length > 0)
      messages.push(messageOf(run, { reasoning: new AnswerReasoning({ id, tenant }, 0, seal) }));
    run = [];
  };
  items.forEach((item, index) => {
    const own = item.type === 'message' && item.role === 'assistant';
    // Consecutive items of the assistant are one message; a second text begins another one.
    if (own && run.length > 0) closeRun();
    if (own || item.type === 'reasoning' || isGeneratedImage(item) || toolCall(item)) {
      run.push(item);
      return;
    }
    closeRun();
    const message = toMessage(item);
    if (message) messages.push({ ...(natives?.[index] as Message | undefined), ...message });
  });
  closeRun();
  return messages;
}

function toMessage(item: Item): Message | undefined {
  if (item.type === 'message') return { role: item.role, content: toContent(item.content) };
  if (item.type !== 'function_call_output') return undefined;
  const content = typeof item.output === 'string' ? item.output : toContent(item.output);
  return { role: 'tool', tool_call_id: item.call_id, content };
}

function toContent(parts: readonly Part[]): unknown {
  const [only] = parts;
  if (parts.length === 1 && only?.type === 'input_text') return only.text;
  return parts.map(toPart);
}

/** A part of a message, as OpenAI's chat API has it. */
export function toPart(part: Part): unknown {
  switch (part.type) {
    case 'input_text':
    case 'output_text':
      return { type: 'text', text: part.text };
    case 'input_image':
      return {
        type: 'image_url',
        image_url: { url: part.image_url, ...(part.detail && { detail: part.detail }) },
      };
    case 'input_file': {
      const { type: _, ...file } = part;
      return { type: 'file', file };
    }
    default:
      return part;
  }
}
