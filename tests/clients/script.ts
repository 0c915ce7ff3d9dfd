import { sent } from '../harness/upstream.ts';
import type { RecordedRequest } from '../simulators/provider/provider.ts';
import type { Script } from '../simulators/provider/serving.ts';

/** A model of each wire protocol. */
export const MODELS = {
  responses: 'responses/gpt-5.1',
  messages: 'anthropic/claude-sonnet-4-5',
  gemini: 'gemini/gemini-3-pro-preview',
  chat: 'groq/gpt-oss-120b',
} as const;
export type ProtocolName = keyof typeof MODELS;
export const PROTOCOLS = Object.keys(MODELS) as ProtocolName[];

export interface ScriptedCall {
  name: string;
  arguments: Record<string, unknown>;
}

/** One answer of the model: a text, or calls. */
export type Step = string | ScriptedCall[];

/** The answers to questions, in order. A question is a user message that contains the key. */
export type Steps = Record<string, Step[]>;

/** The model's answer to requests without tools, such as those for titles. */
const ASIDE = 'A short title';

const THOUGHT = 'Let me think.';

/**
 * Answers as `steps` say: the last question of a request, and the number of tool outputs after it, select the
 * step. A request without a question gets no scripted answer. A model with `think` in its name reasons first.
 */
export function play(steps: Steps): Script {
  return (request) => {
    const lines = sentLines(request);
    const keyOf = (line: string) =>
      Object.keys(steps).find((key) => line.startsWith('user: ') && line.includes(key));
    const at = lines.findLastIndex((line) => keyOf(line) !== undefined);
    if (at < 0) return undefined;
    const answers = steps[keyOf(lines[at]!)!]!;
    if (request.tools.length === 0 && typeof answers[0] !== 'string') return { text: [ASIDE] };
    const reasoning = request.model.includes('think') ? [THOUGHT] : [];
    const outputs = lines.slice(at).filter((line) => line.startsWith('output ')).length;
    let before = 0;
    for (const step of answers) {
      if (typeof step === 'string') return { reasoning, text: step.match(/\s*\S+/g) ?? [] };
      if (outputs === before) {
        return {
          reasoning,
          calls: step.map((call) => ({ name: call.name, arguments: JSON.stringify(call.arguments) })),
        };
      }
      before += step.length;
    }
    throw new Error(`The script has no answer to ${outputs} outputs after "${lines[at]}"`);
  };
}

type Received = Pick<RecordedRequest, 'protocol' | 'body' | 'model'>;

function sentLines({ protocol, body, model }: Received): string[] {
  return sent({ protocol, body, model, method: 'POST', path: '', headers: {}, at: 0, aborted: false });
}

/**
 * A conversation in a form that all clients share, from the first question on: questions are `user: <KEY>`, calls are
 * `call`, outputs are `output <word>`, with the `out-…` word in them. Texts in tags, such as `<environment_context>`,
 * are the client's own, and are left out, as are texts without content, which hold a signature of Gemini.
 */
export function story(lines: string[]): string[] {
  const short = lines.flatMap((line) => {
    const key = /\b[A-Z]+-QUESTION\b/.exec(line)?.[0];
    if (line.startsWith('user: ')) return key ? [`user: ${key}`] : line.startsWith('user: <') ? [] : [line];
    if (/^(function_|custom_tool_)?call( |$)/.test(line)) return ['call'];
    if (/^(output|function_call_output|custom_tool_call_output)\b/.test(line)) {
      return [`output ${/\bout-\w+/.exec(line)?.[0] ?? ''}`.trim()];
    }
    if (line === 'thought' || line.startsWith('reasoning')) return ['thought'];
    return /^(system|developer): |^assistant: \[\]$/.test(line) ? [] : [line];
  });
  return short.slice(short.findIndex((line) => /^user: [A-Z]+-QUESTION$/.test(line)));
}

/** The conversation without thoughts. Some clients send a thought as a text when another model continues. */
export const withoutThoughts = (lines: string[]): string[] =>
  lines
    .map((line) => line.replace(`assistant: ${THOUGHT}`, 'assistant: '))
    .filter((line) => line !== 'thought' && line !== 'assistant: ');

/** The conversation that a provider received. */
export const receivedStory = (request: RecordedRequest): string[] => story(sent(request));
