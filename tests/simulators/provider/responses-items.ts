import { type Answer, PIXEL } from './answer.ts';
import { logprob } from './chat.ts';
import type { Scene } from './protocol.ts';
import { sealWith } from './seal.ts';
import type { Json } from './shape.ts';

/** A mark in the ids of items that follow a reasoning item and must be sent back with it. */
export const REASONED = 'd00d';

export function outputItems(answer: Answer, scene: Scene): Json[] {
  const items: Json[] = [];
  if (answer.reasoning.length > 0) items.push(reasoningItem(answer, scene));
  if (scene.plan.image) items.push(imageItem(scene));
  if (answer.calls.length === 0) items.push(messageItem(answer, scene));
  for (const index of answer.calls.keys()) items.push(callItem(answer, scene, index));
  return items;
}

/** `ImageGenToolCall` of OpenAI's API description, with the fields that the API sends beside it. */
export function imageItem(scene: Scene): Json {
  return {
    id: `ig_${scene.id}`,
    type: 'image_generation_call',
    status: 'completed',
    background: 'opaque',
    output_format: 'png',
    quality: 'medium',
    result: PIXEL,
    revised_prompt: 'A single pixel.',
    size: '1024x1024',
  };
}

export function reasoningItem(answer: Answer, scene: Scene): Json {
  const text = answer.reasoning.join('');
  const item: Json = { id: `rs_${scene.id}`, type: 'reasoning', summary: [{ type: 'summary_text', text }] };
  if (wantsEncrypted(scene)) item.encrypted_content = sealWith('reasoning', `${scene.id}:${text}`);
  return item;
}

function wantsEncrypted(scene: Scene): boolean {
  return Array.isArray(scene.body.include) && scene.body.include.includes('reasoning.encrypted_content');
}

export function messageItem(answer: Answer, scene: Scene): Json {
  return {
    id: itemId('msg', answer, scene),
    type: 'message',
    status: answer.finish === 'length' || answer.finish === 'filter' ? 'incomplete' : 'completed',
    content: [messagePart(answer, scene)],
    role: 'assistant',
  };
}

export function messagePart(answer: Answer, scene: Scene): Json {
  const text = answer.text.join('');
  if (answer.finish === 'refusal') return { type: 'refusal', refusal: text };
  const logprobs = scene.plan.logprobs ? answer.text.map(logprob) : [];
  return { type: 'output_text', annotations: [], logprobs, text };
}

export function callItem(answer: Answer, scene: Scene, index: number): Json {
  const call = answer.calls[index]!;
  const digits = index.toString().padStart(2, '0');
  return {
    id: `${itemId('fc', answer, scene)}${digits}`,
    type: 'function_call',
    status: 'completed',
    arguments: call.arguments,
    call_id: `call_${scene.id.slice(8, 30)}${digits}`,
    name: call.name,
  };
}

function itemId(prefix: string, answer: Answer, scene: Scene): string {
  return `${prefix}_${scene.id}${answer.reasoning.length > 0 ? REASONED : ''}`;
}
