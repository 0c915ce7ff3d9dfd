import { z } from 'zod';
import type { Item } from '../../../core/items.ts';
import { type ForeignMessage, turnsOf } from './foreign-tree.ts';
import { answerText, LeftOut, text } from './items.ts';
import { LAST_TIME } from './turn-fields.ts';

const seconds = z
  .number()
  .min(0)
  .max(LAST_TIME / 1000);

/**
 * A conversation of ChatGPT's data export (`conversations.json`): messages in a tree, of which `current_node` is the
 * latest shown one. Times are seconds since the epoch. Fields that are not read may have any form.
 */
const Message = z.looseObject({
  id: z.string().optional(),
  author: z.looseObject({ role: z.string(), name: z.string().nullish() }),
  create_time: seconds.nullish(),
  content: z.looseObject({ content_type: z.string(), parts: z.array(z.unknown()).nullish() }),
  recipient: z.string().nullish(),
  metadata: z
    .looseObject({
      model_slug: z.string().nullish(),
      is_visually_hidden_from_conversation: z.boolean().nullish(),
    })
    .nullish(),
});

export const ChatGptConversation = z.looseObject({
  title: z.string().nullish(),
  create_time: seconds.nullish(),
  conversation_id: z.string().nullish(),
  id: z.string().nullish(),
  current_node: z.string().nullish(),
  mapping: z.record(
    z.string(),
    z.looseObject({
      message: Message.nullish(),
      parent: z.string().nullish(),
      children: z.array(z.string()).nullish(),
    }),
  ),
});

type Conversation = z.output<typeof ChatGptConversation>;

export function fromChatGpt(conversation: Conversation) {
  const { title, create_time, conversation_id, id, current_node, mapping } = conversation;
  const leftOut = new LeftOut();
  const createdAt = milliseconds(create_time) ?? Date.now();
  const messages = Object.entries(mapping).map(([key, { message, parent }]): ForeignMessage => {
    const items = message ? itemsOf(message, leftOut) : [];
    const model = message?.metadata?.model_slug;
    return {
      ...{ key, items, isAnswer: items.length > 0 && isOfModel(message) },
      ...(parent && { parent }),
      createdAt: milliseconds(message?.create_time) ?? createdAt,
      ...(model && { model }),
    };
  });
  const { turns, turnOf } = turnsOf(messages);
  const from = conversation_id ?? id;
  const head = current_node ? turnOf.get(current_node) : undefined;
  return {
    ...{ form: 'chatgpt', createdAt, turns, leftOut: leftOut.counts },
    ...(from && { from }),
    ...(title && { title }),
    ...(head && { head }),
  };
}

const milliseconds = (seconds: number | null | undefined): number | undefined =>
  typeof seconds === 'number' ? Math.round(seconds * 1_000) : undefined;

const isOfModel = (message: z.output<typeof Message> | null | undefined): boolean =>
  message?.author.role === 'assistant' || message?.author.role === 'tool';

/** What a message says. Calls and outputs of ChatGPT's own tools are text: no other model has these tools. */
function itemsOf({ author, content, recipient }: z.output<typeof Message>, leftOut: LeftOut): Item[] {
  const said = contentText(content, leftOut);
  if (said === '') return [];
  switch (author.role) {
    case 'user':
    case 'system':
    case 'developer':
      return [text(author.role, said)];
    case 'assistant':
      if (content.content_type === 'thoughts')
        return [{ type: 'reasoning', summary: [{ type: 'summary_text', text: said }] }];
      return [answerText(recipient && recipient !== 'all' ? `[to ${recipient}]\n${said}` : said)];
    case 'tool':
      return [answerText(`[${author.name ?? 'tool'}]\n${said}`)];
    default:
      leftOut.add(`messages of ${author.role}`);
      return [];
  }
}

function contentText(content: z.output<typeof Message>['content'], leftOut: LeftOut): string {
  const { content_type: type, parts } = content;
  switch (type) {
    case 'text':
    case 'multimodal_text':
      return (parts ?? [])
        .map((part) => {
          if (typeof part === 'string') return part;
          leftOut.add(String((part as { content_type?: unknown })?.content_type ?? 'parts of unknown kinds'));
          return '';
        })
        .filter(Boolean)
        .join('\n');
    case 'code':
    case 'execution_output':
      return typeof content.text === 'string' ? content.text : '';
    case 'thoughts':
      return thoughtsText(content.thoughts);
    case 'reasoning_recap':
      return '';
    default:
      leftOut.add(type);
      return '';
  }
}

function thoughtsText(thoughts: unknown): string {
  if (!Array.isArray(thoughts)) return '';
  return thoughts
    .flatMap(({ summary, content }) => [content || summary].filter((one) => typeof one === 'string'))
    .join('\n\n');
}
