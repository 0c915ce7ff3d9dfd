import { asJson, asList, asText, type Json } from './shape.ts';

/** How a request ends that asks for the rest of an answer. */
export type Ending = {
  /** The answer as far as it has come. */
  text: string;
  /** The user asks for the rest; else the answer's beginning is the last thing said. */
  told: boolean;
};

type Said = { role: string; text: string };

/** How a protocol writes down who said what. */
export type Reading = {
  read(entry: Json): Said;
  /** Whether the model goes on with its own words when they come last. */
  prefills(last: Json): boolean;
};

/** As a model understands it: any words that ask to go on where the answer broke off. */
const GO_ON =
  /\b(continue|go on|carry on|resume)\b[^.]*\bwhere\b[^.]*\b(breaks?|broke|broken|cut|left|stopped)\b/i;

export function endingOf(list: unknown, { read, prefills }: Reading): Ending | undefined {
  if (!Array.isArray(list) || list.length < 2) return undefined;
  const entry = asJson(list[list.length - 1]);
  const last = read(entry);
  if (isModel(last)) return prefills(entry) ? { text: last.text, told: false } : undefined;
  const before = read(asJson(list[list.length - 2]));
  if (!isModel(before) || before.text === '' || !asksToGoOn(last)) return undefined;
  return { text: before.text, told: true };
}

/** Such a request is short; of long texts every character would have to be looked at. */
function asksToGoOn({ role, text }: Said): boolean {
  return role === 'user' && text.length < 1000 && GO_ON.test(text);
}

/** What was said before the answer began. */
export function withoutEnding(list: Json[], ending: Ending | undefined): Json[] {
  return ending ? list.slice(0, ending.told ? -2 : -1) : list;
}

function isModel({ role }: Said): boolean {
  return role === 'assistant' || role === 'model';
}

/** The text of a string or of parts, as one; thoughts are no part of what is said. */
export function spoken(content: unknown): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .map((part) => (part.thought ? '' : asText(part.text)))
    .join('');
}

/** The deltas from a character on. */
export function from(deltas: string[], start: number): string[] {
  let before = 0;
  return deltas.flatMap((delta) => {
    const rest = delta.slice(Math.max(0, start - before));
    before += delta.length;
    return rest === '' ? [] : [rest];
  });
}

/** How far two texts are the same. */
export function common(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/** Where the last `count` words of a text begin. */
export function lastWords(text: string, count: number): number {
  return [...text.matchAll(/\S+/g)].at(-count)?.index ?? 0;
}
