/** What the text of a passage shows, as bits. English only. */
export const Cue = { question: 1, firstPerson: 2, time: 4 } as const;

/** Characters of a text that are read. */
const LONGEST = 20_000;

/** At the end of the text, before the description of an image. */
const QUESTION = /\?\s*(?:\[[^\]]*\]\s*)?$/;
const FIRST_PERSON = /\b(?:I|my|I'm|I've|we|our)\b/;
const TIME =
  /\b(?:yesterday|today|tonight|tomorrow|ago|last|next|this (?:week|month|year|morning|weekend)|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|september|october|november|december|weekend|since|years?|months?|weeks?|recently|just|(?:19|20)\d\d)\b/i;

export function cuesOf(text: string): number {
  const read = text.slice(0, LONGEST);
  return (
    (QUESTION.test(text.slice(-LONGEST)) ? Cue.question : 0) |
    (FIRST_PERSON.test(read) ? Cue.firstPerson : 0) |
    (TIME.test(read) ? Cue.time : 0)
  );
}

/** Whether the text asks for a time. */
export const asksForTime = (text: string): boolean =>
  /\b(?:when|how long|(?:what|which) (?:date|day|month|year|time))\b/i.test(text);
