import { asJson, asList, asText, isJson, type Json } from '../../simulators/provider/shape.ts';

/** The content of an answer in one form for all protocols. It is read without the code under test. */
export interface Told {
  /** All text, in order. */
  text: string;
  refusal: string;
  reasoning: string;
  /** The calls that the client answers: functions and custom tools. */
  calls: ToldCall[];
  usage: { input: number; output: number } | undefined;
  /** The reason for which the answer ended. A call is the reason only if the client answers it. */
  finish: 'stop' | 'calls' | 'length';
}

const finishOf = (reason: unknown, calls: ToldCall[]): Told['finish'] => {
  if (/^(length|max_tokens|MAX_TOKENS|max_output_tokens)$/.test(String(reason))) return 'length';
  return calls.length > 0 ? 'calls' : 'stop';
};

export interface ToldCall {
  id: string;
  kind: 'function' | 'custom';
  name: string;
  /** JSON without spaces where it is JSON; the input of a custom tool. */
  args: string;
}

/** JSON text without spaces; any other text unchanged. Empty arguments are those of a call without parameters. */
export function compact(text: string): string {
  if (text === '') return '{}';
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

/** The text of a string, or of parts, joined without separators. */
export const joined = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : asList(content)
        .map(({ text }) => asText(text))
        .join('');

/** Of the message of a chat completion. Reasoning has one of two names, or is a part of the content. */
export function chatTold(body: unknown): Told {
  const { choices, usage } = asJson(body);
  const [choice] = asList(choices);
  const message = asJson(choice?.message);
  const calls = asList(message.tool_calls).map(chatCall);
  const parts = asList(message.content);
  const thoughts = parts.filter(({ type }) => type === 'thinking');
  return {
    text: joined(message.content),
    refusal: asText(message.refusal),
    reasoning:
      asText(message.reasoning_content) ||
      asText(message.reasoning) ||
      thoughts.map(({ thinking }) => joined(thinking)).join(''),
    calls,
    finish: finishOf(choice?.finish_reason, calls),
    usage: isJson(usage) ? { input: Number(usage.prompt_tokens), output: chatOutput(usage) } : undefined,
  };
}

/** Some providers count reasoning apart from the completion; then the total has it. */
function chatOutput({ prompt_tokens, completion_tokens, total_tokens }: Json): number {
  return Math.max(Number(completion_tokens), Number(total_tokens ?? 0) - Number(prompt_tokens));
}

export function chatCall(call: Json): ToldCall {
  const custom = call.type === 'custom';
  const called = asJson(custom ? call.custom : call.function);
  const args = custom ? asText(called.input) : compact(asText(called.arguments));
  return { id: asText(call.id), kind: custom ? 'custom' : 'function', name: asText(called.name), args };
}

/** Of a response. `custom` names the client's custom tools: a provider may run others itself. */
export function responseTold(body: unknown, custom: ReadonlySet<string>): Told {
  const { output, usage, incomplete_details } = asJson(body);
  const items = asList(output);
  const calls = items.flatMap((item) => responseCall(item, custom));
  const parts = items.filter(({ type }) => type === 'message').flatMap(({ content }) => asList(content));
  const spent = isJson(usage) ? usage : undefined;
  return {
    text: parts.map(({ text }) => asText(text)).join(''),
    refusal: parts.map(({ refusal }) => asText(refusal)).join(''),
    reasoning: items
      .filter(({ type }) => type === 'reasoning')
      .map(reasoningText)
      .join(''),
    calls,
    finish: finishOf(asJson(incomplete_details).reason, calls),
    usage: spent && { input: Number(spent.input_tokens), output: Number(spent.output_tokens) },
  };
}

function reasoningText({ content, summary }: Json): string {
  return [...asList(content), ...asList(summary)].map(({ text }) => asText(text)).join('');
}

export function responseCall(item: Json, custom: ReadonlySet<string>): ToldCall[] {
  const [id, name] = [asText(item.call_id), asText(item.name)];
  if (item.type === 'function_call') {
    return [{ id, kind: 'function', name, args: compact(asText(item.arguments)) }];
  }
  if (item.type !== 'custom_tool_call' || !custom.has(name)) return [];
  return [{ id, kind: 'custom', name, args: asText(item.input) }];
}

export function messageTold(body: unknown): Told {
  const { content, usage, stop_reason } = asJson(body);
  const blocks = asList(content);
  const calls = blocks.flatMap(messageCall);
  return {
    text: blocks.map(({ text }) => asText(text)).join(''),
    refusal: '',
    reasoning: blocks.map(({ thinking }) => asText(thinking)).join(''),
    calls,
    finish: finishOf(stop_reason, calls),
    usage: isJson(usage) ? messageUsage(usage) : undefined,
  };
}

/** The totals leave out the compaction of a long prompt. */
function messageUsage(usage: Json): Told['usage'] {
  const parts = [usage, ...asList(usage.iterations).filter(({ type }) => type === 'compaction')];
  const sum = (...fields: string[]) =>
    parts.flatMap((part) => fields.map((field) => Number(part[field] ?? 0))).reduce((a, b) => a + b);
  return {
    input: sum('input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'),
    output: sum('output_tokens'),
  };
}

export function messageCall({ type, id, name, input }: Json): ToldCall[] {
  if (type !== 'tool_use') return [];
  return [{ id: asText(id), kind: 'function', name: asText(name), args: JSON.stringify(input) }];
}

export function geminiTold(body: unknown): Told {
  const { candidates, usageMetadata } = asJson(body);
  const [candidate] = asList(candidates);
  const parts = asList(asJson(candidate?.content).parts);
  const calls = parts.flatMap(geminiCall);
  const texts = (thought: boolean) =>
    parts.filter((part) => (part.thought === true) === thought).map(({ text }) => asText(text));
  const spent = asJson(usageMetadata);
  const count = (field: string) => Number(spent[field] ?? 0);
  return {
    text: texts(false).join(''),
    refusal: '',
    reasoning: texts(true).join(''),
    calls,
    finish: finishOf(candidate?.finishReason, calls),
    usage: isJson(usageMetadata)
      ? {
          input: count('promptTokenCount') + count('toolUsePromptTokenCount'),
          output: count('candidatesTokenCount') + count('thoughtsTokenCount'),
        }
      : undefined,
  };
}

export function geminiCall({ functionCall }: Json): ToldCall[] {
  if (!isJson(functionCall)) return [];
  const { id, name, args } = functionCall;
  return [{ id: asText(id), kind: 'function', name: asText(name), args: JSON.stringify(args ?? {}) }];
}
