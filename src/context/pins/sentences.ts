/** One sentence of a message. */
export interface Sentence {
  /** As it was said, without the mark of a list item. */
  text: string;
  /** `text` with quotations replaced by marks of the same length, so that positions are equal in both. */
  plain: string;
  isQuestion: boolean;
  /** The sentence is an entry of a list. */
  isEntry: boolean;
}

/** Characters that are read at each end of a long message: its middle is nearly always a pasted document. */
const END_CHARS = 4_000;
const MOST_SENTENCES = 500;
/** Longer sentences are data. */
const MOST_CHARS = 700;

/**
 * The sentences of a message that its author says in their own words. Left out are fenced code, quoted lines,
 * rows of tables, tags, and text that the author gives to be worked on (`Translate this: …`).
 */
export function sentencesOf(text: string): Sentence[] {
  const sentences: Sentence[] = [];
  for (const line of proseLines(text)) {
    for (const sentence of splitLine(line)) {
      sentences.push(sentence);
      if (sentences.length === MOST_SENTENCES || GIVES_TEXT.test(sentence.plain)) return sentences;
    }
  }
  return sentences;
}

function proseLines(text: string): string[] {
  return readParts(text).flatMap((part) => {
    let fence = false;
    return part.split(/\r?\n/).filter((line) => {
      const isFence = /^\s{0,3}(```|~~~)/.test(line);
      if (isFence) fence = !fence;
      return !isFence && !fence && !/^\s*[>|<]/.test(line);
    });
  });
}

function readParts(text: string): string[] {
  if (text.length <= 2 * END_CHARS) return [text];
  return [text.slice(0, END_CHARS), text.slice(-END_CHARS).replace(/^[^\n]*\n/, '')];
}

const ENTRY = /^(?:[-*•–]|\d{1,2}[.)])\s+/;
/** The words before a full stop that does not end a sentence. */
const ABBREVIATION =
  /(?:^|[\s(])(?:mr|mrs|ms|dr|st|sr|jr|prof|e\.g|i\.e|eg|ie|vs|approx|no|z\.b|bzw|ca|p\.ej)$/i;

/** The end of a sentence, or a colon inside it. */
const END = /[.!?…]+["'”’)*]*(?=\s|$)|:(?=\s)|[。！？]/g;

function splitLine(line: string): Sentence[] {
  const trimmed = line.trim();
  const mark = ENTRY.exec(trimmed)?.[0] ?? '';
  const text = trimmed.slice(mark.length);
  const plain = withoutQuotations(text);
  const sentences: Sentence[] = [];
  let from = 0;
  const add = (to: number): void => {
    const said = text.slice(from, to).trim();
    const start = text.indexOf(said, from);
    from = to;
    if (said.length < 4 || said.length > MOST_CHARS) return;
    sentences.push({
      text: said,
      plain: plain.slice(start, start + said.length).replaceAll('’', "'"),
      isQuestion: /\?["'”’)*]*$/.test(said),
      isEntry: mark !== '',
    });
  };
  for (const { 0: end, index } of plain.matchAll(END)) {
    const to = index + end.length;
    const before = plain.slice(Math.max(from, index - 80), index);
    if (end === '.' ? !ABBREVIATION.test(before) : end !== ':' || GIVES_TEXT.test(`${before}:`)) add(to);
  }
  add(text.length);
  return sentences;
}

/** Quotations of more than three words become marks; shorter ones are names and terms. */
function withoutQuotations(text: string): string {
  return text.replace(/"[^"]{1,600}"|“[^”]{1,600}”|„[^“”]{1,600}[“”]|«[^»]{1,600}»/g, (quotation) =>
    quotation.split(/\s+/).length > 3 ? '·'.repeat(quotation.length) : quotation,
  );
}

/** The text after such a sentence is material for a task. */
const GIVES_TEXT =
  /\b(translate|rewrite|rephrase|proofread|paraphrase|summari[sz]e|correct|edit|improve|review|shorten|polish|analy[sz]e|fix|check|explain|means?|übersetze?|korrigiere?|traduis|corrige|traduce|says?|said|wrote|told|writes|reads|email|letter|text|message|quote|article|story|transcript|poem)\b.*:$/i;
