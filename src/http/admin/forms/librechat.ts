import { z } from 'zod';
import { type Item, messageText } from '../../../core/items.ts';
import { type ForeignMessage, turnsOf } from './foreign-tree.ts';
import { answerText, LeftOut, text } from './items.ts';
import { LAST_TIME } from './turn-fields.ts';

/**
 * A conversation that LibreChat exports as JSON: a list of messages with their parents, or messages that hold their
 * children. The parent of the first message has an id of zeros.
 */
interface Message {
  messageId: string;
  parentMessageId?: string | null | undefined;
  isCreatedByUser?: boolean | null | undefined;
  sender?: string | null | undefined;
  text?: string | null | undefined;
  content?: unknown[] | null | undefined;
  model?: string | null | undefined;
  createdAt?: string | null | undefined;
  children?: Message[] | null | undefined;
}

const Message: z.ZodType<Message> = z.looseObject({
  messageId: z.string(),
  parentMessageId: z.string().nullish(),
  isCreatedByUser: z.boolean().nullish(),
  sender: z.string().nullish(),
  text: z.string().nullish(),
  content: z.array(z.unknown()).nullish(),
  model: z.string().nullish(),
  createdAt: z.string().nullish(),
  get children() {
    return z.array(Message).nullish();
  },
});

export const LibreChatConversation = z.looseObject({
  conversationId: z.string(),
  title: z.string().nullish(),
  options: z.looseObject({ model: z.string().nullish() }).nullish(),
  messages: z.array(Message),
});

export function fromLibreChat(conversation: z.output<typeof LibreChatConversation>) {
  const { conversationId: from, title, options } = conversation;
  const leftOut = new LeftOut();
  const all = flattened(conversation.messages);
  const createdAt = Math.min(...all.map(timeOf), Date.now());
  const messages = all.map((message): ForeignMessage => {
    const model = message.model ?? options?.model;
    const items = itemsOf(message, leftOut);
    return {
      ...{ key: message.messageId, items, createdAt: timeOf(message) },
      isAnswer: !message.isCreatedByUser && items.length > 0,
      ...(message.parentMessageId && { parent: message.parentMessageId }),
      ...(model && !message.isCreatedByUser && { model }),
    };
  });
  const { turns } = turnsOf(messages);
  return {
    ...{ form: 'librechat', from, createdAt, turns, leftOut: leftOut.counts },
    ...(title && { title }),
  };
}

function flattened(messages: readonly Message[]): Message[] {
  const all: Message[] = [];
  const open = messages.toReversed();
  for (let next = open.pop(); next; next = open.pop()) {
    all.push(next);
    for (const child of (next.children ?? []).toReversed())
      open.push({ ...child, parentMessageId: child.parentMessageId ?? next.messageId });
  }
  return all;
}

const timeOf = ({ createdAt }: Message): number => {
  const time = createdAt ? Date.parse(createdAt) : Number.NaN;
  return time >= 0 && time <= LAST_TIME ? time : Date.now();
};

function itemsOf({ isCreatedByUser, text: said, content }: Message, leftOut: LeftOut): Item[] {
  const parts = (content ?? []).flatMap((part) => partItems(part, leftOut));
  if (isCreatedByUser) {
    const whole = said || parts.map((item) => (item.type === 'message' ? messageText(item) : '')).join('\n');
    return whole ? [text('user', whole)] : [];
  }
  if (parts.length > 0) return parts;
  return said ? [answerText(said)] : [];
}

const textValue = (value: unknown): string =>
  typeof value === 'string' ? value : String((value as { value?: unknown } | null)?.value ?? '');

/** A part of an answer. Calls of tools come with their outputs. */
function partItems(part: unknown, leftOut: LeftOut): Item[] {
  const { type, ...fields } = (part ?? {}) as Record<string, unknown>;
  switch (type) {
    case 'text':
      return [answerText(textValue(fields.text))];
    case 'think':
      return [{ type: 'reasoning', summary: [{ type: 'summary_text', text: textValue(fields.think) }] }];
    case 'tool_call': {
      const { id, name, args, output } = (fields.tool_call ?? {}) as Record<string, unknown>;
      if (typeof id !== 'string' || typeof name !== 'string') break;
      const given = typeof args === 'string' ? args : JSON.stringify(args ?? {});
      return [
        { type: 'function_call', call_id: id, name, arguments: given },
        { type: 'function_call_output', call_id: id, output: typeof output === 'string' ? output : '' },
      ];
    }
  }
  leftOut.add(String(type));
  return [];
}
