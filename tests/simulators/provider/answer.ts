import type { Plan } from './behaviour.ts';
import { commonPrefix, deltasFrom, type Ending, lastWords } from './continuation.ts';
import { sample } from './sample.ts';
import { asJson } from './shape.ts';

/** The content of a request, independent of its protocol. */
export type RequestContent = {
  userTexts: string[];
  /** The outputs of function calls at the end of the input. Empty when the input ends with a user message. */
  toolOutputs: string[];
  /** How many rounds of calls have been answered since the last text of the user. */
  rounds: number;
  tools: OfferedTool[];
  toolChoice: 'auto' | 'none' | { name: string };
  /** The JSON schema for the answer, if the request has one. */
  schema: unknown;
  /** Set when the request asks for the rest of an answer. The other fields do not contain that answer. */
  ending?: Ending | undefined;
};

export type OfferedTool = { name: string; schema: unknown };

export type Call = { name: string; arguments: string };

/** The model's answer, independent of the protocol. Texts are lists of deltas. */
export type Answer = {
  reasoning: string[];
  text: string[];
  calls: Call[];
  finish: 'stop' | 'tools' | 'length' | 'refusal' | 'filter';
};

/** The image that every image model here generates: a PNG of one pixel, as base64. */
export const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const REASONING = words('Let me think about what was asked before I answer.');
const REFUSAL = words("I'm sorry, but I can't help with that.");

export function compose(plan: Plan, request: RequestContent): Answer {
  const answer = composeWhole(plan, request);
  const { ending } = request;
  // A refusal is never cut.
  if (!ending || answer.finish === 'refusal') return answer;
  const text = deltasFrom(answer.text, startOf(plan, answer.text.join(''), ending));
  // A model that continues its own last message cannot think before it.
  return { ...answer, text, reasoning: ending.requested ? answer.reasoning : [] };
}

/** Where the continuation begins: after the common prefix, or earlier for a plan that repeats text. */
function startOf(plan: Plan, whole: string, { text, requested }: Ending): number {
  const start = commonPrefix(whole, text);
  if (!requested || start === 0) return start;
  if (plan.again) return 0;
  return plan.overlap > 0 ? lastWords(whole.slice(0, start), plan.overlap) : start;
}

function composeWhole(plan: Plan, request: RequestContent): Answer {
  const step = plan.steps > 1 ? [` Step ${request.rounds + 1}.`] : [];
  const reasoning = plan.think ? [...REASONING, ...step] : [];
  if (plan.refuse) return { reasoning, text: REFUSAL, calls: [], finish: 'refusal' };
  const isAnswered = request.toolOutputs.length > 0 && request.rounds >= plan.steps;
  const calls = isAnswered ? [] : callsFor(plan, request);
  if (calls.length > 0) return { reasoning, text: [], calls, finish: 'tools' };
  const text = composeText(plan, request);
  if (plan.filter) return { reasoning, text: text.slice(0, 2), calls, finish: 'filter' };
  return { reasoning, text, calls, finish: plan.long ? 'length' : 'stop' };
}

function composeText(plan: Plan, request: RequestContent): string[] {
  if (plan.voice === 'say') return say(plan.words);
  if (plan.json)
    return words(JSON.stringify(request.schema ? sample(request.schema) : { answer: reply(plan, request) }));
  return words(reply(plan, request));
}

function reply(plan: Plan, request: RequestContent): string {
  if (plan.voice === 'recall') return `I have heard: ${quote(request.userTexts)}`;
  if (request.toolOutputs.length > 0) return `The tools answered: ${quote(request.toolOutputs)}`;
  return `You said: ${request.userTexts.at(-1) ?? ''}`;
}

function callsFor(plan: Plan, request: RequestContent): Call[] {
  if (plan.calls === 'none' || request.toolChoice === 'none') return [];
  const { toolChoice } = request;
  const tools =
    typeof toolChoice === 'object'
      ? request.tools.filter((tool) => tool.name === toolChoice.name)
      : request.tools;
  return (plan.calls === 'one' ? tools.slice(0, 1) : tools).map((tool) => ({
    name: tool.name,
    arguments: JSON.stringify(asJson(sample(tool.schema))),
  }));
}

function quote(texts: string[]): string {
  return texts.map((text) => `"${text}"`).join(' | ');
}

function say(count: number): string[] {
  return Array.from({ length: count }, (_, at) => (at === 0 ? 'word1' : ` word${at + 1}`));
}

/** One delta per word, with the space before the word, as tokenizers do it. */
function words(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

/** The pieces in which a call's arguments arrive. */
export function pieces(text: string): string[] {
  if (text.length < 4) return [text];
  const third = Math.ceil(text.length / 3);
  return [text.slice(0, third), text.slice(third, 2 * third), text.slice(2 * third)];
}
