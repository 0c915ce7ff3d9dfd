import type { Plan } from './behaviour.ts';
import { checkOpenaiMedia } from './media-rules.ts';
import type { Trouble } from './protocol.ts';
import { asJson, asList, asText, isObjectText, type Json } from './shape.ts';
import { checkChatTools } from './tool-rules.ts';

const ROLES = new Set(['system', 'assistant', 'user', 'function', 'tool', 'developer']);

/** `ChatCompletionRequestMessageContentPart…` in OpenAI's API description. */
const PARTS = new Set(['text', 'image_url', 'input_audio', 'file', 'refusal']);

/** Checks a conversation as OpenAI's chat API does. */
export function checkChat(body: Json, plan: Plan): Trouble | undefined {
  if (!Array.isArray(body.messages)) {
    return invalid("Missing required parameter: 'messages'.", 'messages', 'missing_required_parameter');
  }
  const messages = asList(body.messages);
  if (messages.length === 0) {
    const message =
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
    return invalid(message, 'messages', 'empty_array');
  }
  return (
    checkChatTools(body) ??
    checkShapes(messages) ??
    checkOpenaiMedia(body) ??
    checkImages(messages, plan) ??
    checkArguments(messages) ??
    checkPairs(messages) ??
    checkEnd(body, messages, plan)
  );
}

function checkShapes(messages: Json[]): Trouble | undefined {
  for (const [at, message] of messages.entries()) {
    const role = asText(message.role);
    if (!ROLES.has(role)) {
      const supported = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'";
      return invalid(
        `Invalid value: '${role}'. Supported values are: ${supported}.`,
        `messages[${at}].role`,
        'invalid_value',
      );
    }
    const calls = Array.isArray(message.tool_calls);
    if (calls && asList(message.tool_calls).length === 0) {
      const text = `Invalid 'messages[${at}].tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.`;
      return invalid(text, `messages[${at}].tool_calls`, 'empty_array');
    }
    const parts = asList(message.content).map(({ type }) => asText(type));
    const unknown = parts.find((type) => !PARTS.has(type));
    if (unknown !== undefined) {
      const supported = [...PARTS].map((type) => `'${type}'`).join(', ');
      const text = `Invalid value: '${unknown}'. Supported values are: ${supported}.`;
      return invalid(text, `messages[${at}].content[${parts.indexOf(unknown)}].type`, 'invalid_value');
    }
    const content = message.content ?? message.refusal ?? message.audio ?? message.function_call;
    if (!calls && (content === null || content === undefined)) {
      return invalid("Invalid value for 'content': expected a string, got null.", `messages.[${at}].content`);
    }
  }
  return undefined;
}

/** OpenAI and Groq refuse fields that they do not know. Servers with image models know this one. */
function checkImages(messages: Json[], plan: Plan): Trouble | undefined {
  const at = plan.image ? -1 : messages.findIndex(({ images }) => images !== undefined);
  if (at === -1) return undefined;
  const path = `messages[${at}].images`;
  return invalid(`Unknown parameter: '${path}'.`, path, 'unknown_parameter');
}

/** OpenAI takes any text. Servers that parse it for the model's template (vLLM, Mistral) take only an object. */
function checkArguments(messages: Json[]): Trouble | undefined {
  const calls = messages.flatMap((message) => asList(message.tool_calls));
  const wrong = calls.find(({ type, function: called }) => {
    return type === 'function' && !isObjectText(asJson(called).arguments);
  });
  if (!wrong) return undefined;
  return invalid(`Function call arguments must be a JSON object: ${asText(wrong.id)}`, 'messages');
}

/** OpenAI compares ids within one message. Servers with one name space for all calls refuse a repeated id. */
function checkPairs(messages: Json[]): Trouble | undefined {
  let open = new Set<string>();
  const known = new Set<string>();
  for (const [at, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!open.delete(asText(message.tool_call_id))) {
        const text =
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
        return invalid(text, `messages.[${at}].role`);
      }
      continue;
    }
    if (open.size > 0) return unanswered(open, at);
    open = new Set();
    for (const { id } of asList(message.tool_calls)) {
      if (known.has(asText(id)))
        return invalid(`Duplicate tool call id: ${asText(id)}`, `messages.[${at}].tool_calls`);
      known.add(asText(id));
      open.add(asText(id));
    }
  }
  return open.size > 0 ? unanswered(open, messages.length) : undefined;
}

/** Checks a conversation that ends with an assistant message, with the errors of vLLM and Mistral. */
function checkEnd(body: Json, messages: Json[], plan: Plan): Trouble | undefined {
  if (body.continue_final_message === true && body.add_generation_prompt !== false) {
    const message = 'Cannot set both `continue_final_message` and `add_generation_prompt` to True.';
    return invalid(message, 'continue_final_message');
  }
  if (!plan.noPrefill || messages.at(-1)?.role !== 'assistant') return undefined;
  return invalid('Expected last role User or Tool for serving but got assistant', 'messages');
}

function unanswered(open: Set<string>, at: number): Trouble {
  const text = `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(', ')}`;
  return invalid(text, `messages.[${at}].role`);
}

function invalid(message: string, param: string, code?: string): Trouble {
  return { kind: 'invalid', message, param, ...(code ? { code } : {}) };
}
