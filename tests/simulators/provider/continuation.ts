import { asJson, asList, asText, type Json } from './shape.ts';

/** The end of a request that asks for the rest of an answer. */
export type Ending = {
  /** The beginning of the answer. */
  text: string;
  /** True: a user message asks for the rest. False: the request ends with the beginning of the answer. */
  requested: boolean;
};

type Message = { role: string; text: string };

/** How to read the messages of a protocol. */
export type Reading = {
  read(entry: Json): Message;
  /** Whether the model continues an assistant message at the end of the request. */
  prefills(last: Json): boolean;
};

/** Any text that asks to continue where the answer broke off, as a model would understand it. */
const CONTINUE =
  /\b(continue|go on|carry on|resume)\b[^.]*\bwhere\b[^.]*\b(breaks?|broke|broken|cut|left|stopped)\b/i;

export function endingOf(list: unknown, { read, prefills }: Reading): Ending | undefined {
  if (!Array.isArray(list) || list.length < 2) return undefined;
  const entry = asJson(list[list.length - 1]);
  const last = read(entry);
  if (isModel(last)) return prefills(entry) ? { text: last.text, requested: false } : undefined;
  const before = read(asJson(list[list.length - 2]));
  if (!isModel(before) || before.text === '' || !asksToContinue(last)) return undefined;
  return { text: before.text, requested: true };
}

/** Only short texts are checked, because the pattern is slow on long ones. */
function asksToContinue({ role, text }: Message): boolean {
  return role === 'user' && text.length < 1000 && CONTINUE.test(text);
}

/** The messages before the answer. */
export function withoutEnding(list: Json[], ending: Ending | undefined): Json[] {
  return ending ? list.slice(0, ending.requested ? -2 : -1) : list;
}

function isModel({ role }: Message): boolean {
  return role === 'assistant' || role === 'model';
}

/** The text of a string or of parts, without thoughts. */
export function textOfParts(content: unknown): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .map((part) => (part.thought ? '' : asText(part.text)))
    .join('');
}

/** The deltas of the text from this character on. */
export function deltasFrom(deltas: string[], start: number): string[] {
  let before = 0;
  return deltas.flatMap((delta) => {
    const rest = delta.slice(Math.max(0, start - before));
    before += delta.length;
    return rest === '' ? [] : [rest];
  });
}

/** The length of the common prefix of two texts. */
export function commonPrefix(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/** Where the last `count` words of a text begin. */
export function lastWords(text: string, count: number): number {
  return [...text.matchAll(/\S+/g)].at(-count)?.index ?? 0;
}
