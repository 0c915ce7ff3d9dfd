import { type Answer, pieces } from './answer.ts';
import { logprob } from './chat.ts';
import type { Frame, Scene } from './protocol.ts';
import { callItem, imageItem, messageItem, messagePart, reasoningItem } from './responses-items.ts';
import type { Json } from './shape.ts';

/** Collects events in order and numbers them. */
class Script {
  readonly frames: Frame[] = [];
  #sequence = 0;

  add(type: string, fields: Json, kind: Frame['kind'] = 'plain'): void {
    const event = JSON.stringify({ type, sequence_number: this.#sequence++, ...fields });
    this.frames.push({ text: `event: ${type}\ndata: ${event}\n\n`, kind });
  }
}

export function responsesFrames(
  answer: Answer,
  scene: Scene,
  response: { started: Json; ended: Json },
): Frame[] {
  const script = new Script();
  script.add('response.created', { response: response.started });
  script.add('response.in_progress', { response: response.started });
  let index = 0;
  if (answer.reasoning.length > 0) addReasoning(script, answer, scene, index++);
  if (scene.plan.image) addImage(script, imageItem(scene), index++);
  if (answer.calls.length === 0) addMessage(script, answer, scene, index++);
  for (const at of answer.calls.keys()) addCall(script, callItem(answer, scene, at), index++);
  script.add(`response.${response.ended.status}`, { response: response.ended }, 'end-mark');
  return script.frames;
}

function addReasoning(script: Script, answer: Answer, scene: Scene, output_index: number): void {
  const item = reasoningItem(answer, scene);
  const at = { item_id: item.id, output_index, summary_index: 0 };
  const text = answer.reasoning.join('');
  script.add('response.output_item.added', { output_index, item: { ...item, summary: [] } });
  script.add('response.reasoning_summary_part.added', { ...at, part: { type: 'summary_text', text: '' } });
  for (const delta of answer.reasoning) {
    script.add('response.reasoning_summary_text.delta', { ...at, delta, obfuscation: 'YPXlirv1y' });
  }
  script.add('response.reasoning_summary_text.done', { ...at, text });
  script.add('response.reasoning_summary_part.done', { ...at, part: { type: 'summary_text', text } });
  script.add('response.output_item.done', { output_index, item });
}

function addMessage(script: Script, answer: Answer, scene: Scene, output_index: number): void {
  const item = messageItem(answer, scene);
  const part = messagePart(answer, scene);
  const text = answer.text.join('');
  const at = { item_id: item.id, output_index, content_index: 0 };
  const refused = part.type === 'refusal';
  const empty = refused ? { ...part, refusal: '' } : { ...part, text: '', logprobs: [] };

  script.add('response.output_item.added', {
    output_index,
    item: { ...item, status: 'in_progress', content: [] },
  });
  script.add('response.content_part.added', { ...at, part: empty });
  for (const delta of answer.text) {
    if (refused) script.add('response.refusal.delta', { ...at, delta }, 'delta');
    else {
      const logprobs = scene.plan.logprobs ? [logprob(delta)] : [];
      script.add('response.output_text.delta', { ...at, delta, logprobs, obfuscation: 'Qup1BsQ3' }, 'delta');
    }
  }
  if (refused) script.add('response.refusal.done', { ...at, refusal: text }, 'finish');
  else script.add('response.output_text.done', { ...at, text, logprobs: part.logprobs }, 'finish');
  script.add('response.content_part.done', { ...at, part }, 'finish');
  script.add('response.output_item.done', { output_index, item }, 'finish');
}

/** `ResponseImageGenCall…Event` of OpenAI's API description. The partial image comes only where it is asked for. */
function addImage(script: Script, item: Json, output_index: number): void {
  const { id: item_id, type, result } = item;
  const at = { item_id, output_index };
  script.add('response.output_item.added', {
    output_index,
    item: { id: item_id, type, status: 'in_progress', result: null },
  });
  script.add('response.image_generation_call.in_progress', at);
  script.add('response.image_generation_call.generating', at);
  const partial = { partial_image_index: 0, partial_image_b64: result, output_format: 'png' };
  script.add('response.image_generation_call.partial_image', { ...at, ...partial });
  script.add('response.image_generation_call.completed', at);
  script.add('response.output_item.done', { output_index, item });
}

function addCall(script: Script, item: Json, output_index: number): void {
  const at = { item_id: item.id, output_index };
  const started = { ...item, status: 'in_progress', arguments: '' };
  script.add('response.output_item.added', { output_index, item: started });
  for (const delta of pieces(String(item.arguments))) {
    const fields = { ...at, delta, obfuscation: 'Qup1BsQ3' };
    script.add('response.function_call_arguments.delta', fields, 'delta');
  }
  script.add(
    'response.function_call_arguments.done',
    { ...at, arguments: item.arguments, name: item.name },
    'finish',
  );
  script.add('response.output_item.done', { output_index, item }, 'finish');
}
