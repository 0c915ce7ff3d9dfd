import type { Plan } from './behaviour.ts';
import { common, type Ending, from, lastWords } from './continuation.ts';
import { sample } from './sample.ts';
import { asJson } from './shape.ts';

/** What a request said, in no protocol's words. */
export type Heard = {
  userTexts: string[];
  /** Outputs of function calls that end the input; empty when the last word is the user's. */
  toolOutputs: string[];
  tools: OfferedTool[];
  toolChoice: 'auto' | 'none' | { name: string };
  /** The schema the answer has to fit, where one was asked for. */
  schema: unknown;
  /** Set when the rest of an answer is asked for; nothing else here is of it. */
  ending?: Ending | undefined;
};

export type OfferedTool = { name: string; schema: unknown };

export type Call = { name: string; arguments: string };

/** What the model answers, in no protocol's words. Texts are lists of deltas. */
export type Answer = {
  reasoning: string[];
  text: string[];
  calls: Call[];
  finish: 'stop' | 'tools' | 'length' | 'refusal' | 'filter';
};

const REASONING = words('Let me think about what was asked before I answer.');
const REFUSAL = words("I'm sorry, but I can't help with that.");

export function compose(plan: Plan, heard: Heard): Answer {
  const answer = composeWhole(plan, heard);
  const { ending } = heard;
  if (!ending) return answer;
  const text = from(answer.text, startOf(plan, answer.text.join(''), ending));
  // Words that are already said leave no room for thought before them.
  return { ...answer, text, reasoning: ending.told ? answer.reasoning : [] };
}

/** Where a model goes on: behind what is its own answer too, unless it is a sloppy one. */
function startOf(plan: Plan, whole: string, { text, told }: Ending): number {
  const start = common(whole, text);
  if (!told || start === 0) return start;
  if (plan.again) return 0;
  return plan.overlap > 0 ? lastWords(whole.slice(0, start), plan.overlap) : start;
}

function composeWhole(plan: Plan, heard: Heard): Answer {
  const reasoning = plan.think ? REASONING : [];
  if (plan.refuse) return { reasoning, text: REFUSAL, calls: [], finish: 'refusal' };
  const calls = heard.toolOutputs.length > 0 ? [] : callsFor(plan, heard);
  if (calls.length > 0) return { reasoning, text: [], calls, finish: 'tools' };
  const text = speak(plan, heard);
  if (plan.filter) return { reasoning, text: text.slice(0, 2), calls, finish: 'filter' };
  return { reasoning, text, calls, finish: plan.long ? 'length' : 'stop' };
}

function speak(plan: Plan, heard: Heard): string[] {
  if (plan.voice === 'say') return say(plan.words);
  if (plan.json)
    return words(JSON.stringify(heard.schema ? sample(heard.schema) : { answer: reply(plan, heard) }));
  return words(reply(plan, heard));
}

function reply(plan: Plan, heard: Heard): string {
  if (plan.voice === 'recall') return `I have heard: ${quote(heard.userTexts)}`;
  if (heard.toolOutputs.length > 0) return `The tools answered: ${quote(heard.toolOutputs)}`;
  return `You said: ${heard.userTexts.at(-1) ?? ''}`;
}

function callsFor(plan: Plan, heard: Heard): Call[] {
  if (plan.calls === 'none' || heard.toolChoice === 'none') return [];
  const { toolChoice } = heard;
  const tools =
    typeof toolChoice === 'object'
      ? heard.tools.filter((tool) => tool.name === toolChoice.name)
      : heard.tools;
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

/** One delta a word, the space in front as tokenizers have it. */
function words(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

/** The pieces in which a call's arguments arrive. */
export function pieces(text: string): string[] {
  if (text.length < 4) return [text];
  const third = Math.ceil(text.length / 3);
  return [text.slice(0, third), text.slice(third, 2 * third), text.slice(2 * third)];
}
