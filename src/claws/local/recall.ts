import type { Delta } from '../../core/delta.ts';
import { type Item, type Message, messageText } from '../../core/items.ts';
import type { Prompt } from '../../core/prompt.ts';
import type { Capabilities, Claw } from '../claw.ts';
import { beginningOf } from '../continuation.ts';

/** Built-in claws read what they need and leave out nothing that they know. */
export const LOCAL_CAPABILITIES: Capabilities = {
  ...{ choices: false, logprobs: false, takes: () => true, leavesOut: [], refuses: [] },
  lackedTools: () => [],
  lackedSettings: () => [],
};

/**
 * `local/recall`: the built-in claw. It is deterministic, offline and no language model: it looks up what
 * was said earlier in the session. With it the gateway can be used before any key is set.
 */
export const recall: Claw = {
  provider: 'local',
  protocol: 'local',
  capabilities: LOCAL_CAPABILITIES,
  prefills: (prompt) => continuation(prompt) !== undefined,
  async *call(prompt, signal) {
    const text = (continuation(prompt) ?? reply(userTexts(prompt))).toWellFormed();
    yield [
      { type: 'start', model: 'recall' },
      { type: 'item-start', index: 0, item: { type: 'message', role: 'assistant', content: [] } },
    ];
    for (const word of text.match(/\s*\S+\s*/g) ?? []) {
      signal.throwIfAborted();
      yield [{ type: 'text-delta', index: 0, part: 0, text: word }];
    }
    yield [{ type: 'item-end', index: 0 }, ...ending(prompt, text)];
  },
};

/** The rest of the reply after its beginning. Undefined when the beginning came from another model. */
function continuation(prompt: Prompt): string | undefined {
  if (!prompt.continues) return undefined;
  const text = reply(userTexts(prompt));
  const beginning = beginningOf(prompt).trimEnd();
  return text.startsWith(beginning) ? text.slice(beginning.length) : undefined;
}

function ending(prompt: Prompt, text: string): Delta[] {
  const said = prompt.items.map(({ item }) => textOf(item)).join(' ');
  const usage = { input: words(said), output: words(text), cacheRead: 0, cacheWrite: 0, reasoning: 0 };
  return [
    { type: 'usage', usage },
    { type: 'finish', reason: { unified: 'stop', raw: 'stop' } },
  ];
}

const words = (text: string): number => text.split(/\s+/).filter(Boolean).length;

const textOf = (item: Item): string => (item.type === 'message' ? messageText(item) : '');

/** The texts of a message; one, if empty, where it has none. */
function textsOf({ content }: Message): string[] {
  const texts = content.flatMap((part) => (part.type === 'input_text' ? [part.text.trim()] : []));
  return texts.length > 0 ? texts : [''];
}

function userTexts(prompt: Prompt): string[] {
  return prompt.items.flatMap(({ item }) =>
    item.type === 'message' && item.role === 'user' ? textsOf(item) : [],
  );
}

const DISCLAIMER = 'I am the built-in offline claw, not a language model';

function reply(said: string[]): string {
  const last = said.at(-1) ?? '';
  const earlier = said.slice(0, -1);
  if (isQuestion(last)) return answer(last, earlier);
  const fact = factsOf(last)[0];
  if (fact) return `I will remember that your ${fact.subject} is ${fact.value}. (${DISCLAIMER}.)`;
  return `I have kept this as message ${said.length} of our session. ${DISCLAIMER}: I only recall what was said here. Ask me about it, or set a provider key to talk to a model.`;
}

const isQuestion = (text: string): boolean =>
  /\?\s*$/.test(text) || /^(what|who|where|when|which|how|do|did|can|tell me|recall)\b/i.test(text);

function answer(question: string, earlier: string[]): string {
  if (/\b(first|beginning|begin|start)\b/i.test(question) && earlier[0] !== undefined) {
    return `You began with: "${earlier[0]}"`;
  }
  const facts = earlier.flatMap(factsOf).reverse();
  const asked = question.toLowerCase();
  const fact = closestFact(facts, asked) ?? (/\bwho am i\b/.test(asked) ? facts[0] : undefined);
  if (fact) return `Your ${fact.subject} is ${fact.value}.`;
  const quote = closest(question, earlier);
  if (quote) return `You said: "${quote}"`;
  return `Nothing said in this session answers that. ${DISCLAIMER}: set a provider key, for example OPENAI_API_KEY, to ask one.`;
}

/** The latest fact about what is asked: about `dog's name` rather than about `name`. */
function closestFact(facts: readonly Fact[], asked: string): Fact | undefined {
  const known = facts.filter(({ subject }) => asked.includes(subject));
  const longest = Math.max(...known.map(({ subject }) => subject.length));
  return known.find(({ subject }) => subject.length === longest);
}

interface Fact {
  subject: string;
  value: string;
}

/** "My dog's name is Rex" → { subject: "dog's name", value: "Rex" }. "I'm Ada" gives the subject "name". */
function factsOf(text: string): Fact[] {
  const facts: Fact[] = [];
  for (const match of text.matchAll(/\bmy ([\w' -]{1,40}?) (?:is|are|was) ([^.!?;\n]+)/gi)) {
    facts.push({ subject: match[1]!.toLowerCase(), value: match[2]!.trim() });
  }
  const name = /\b(?:i am called|call me|i'm|i am) ([A-Z][\w'-]*)/.exec(text);
  if (name) facts.push({ subject: 'name', value: name[1]! });
  return facts;
}

/**
 * The earlier message that shares the most words of four or more letters with the question. On a tie, the
 * newest.
 */
function closest(question: string, earlier: string[]): string | undefined {
  const wanted = new Set(question.toLowerCase().match(/\p{L}{4,}/gu) ?? []);
  let best: string | undefined;
  let bestShared = 0;
  for (const text of earlier) {
    const shared = new Set((text.toLowerCase().match(/\p{L}{4,}/gu) ?? []).filter((word) => wanted.has(word)))
      .size;
    if (shared > 0 && shared >= bestShared) {
      best = text;
      bestShared = shared;
    }
  }
  return best;
}
