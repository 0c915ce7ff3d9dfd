/** Characters of a snippet around the words that were found. */
const BEFORE = 60;
const AFTER = 160;

/** The text around the first place where one of the phrases is; `[` and `]` enclose what was found. */
export function snippetOf(text: string, phrases: readonly string[]): string {
  const [folded, places] = fold(text);
  const wanted = phrases.map((phrase) => fold(phrase.replace(/\*$/, ''))[0].match(/[\p{L}\p{N}]+/gu) ?? []);
  const expressions = wanted
    .filter((words) => words.length > 0)
    .map((words) => words.join('[^\\p{L}\\p{N}]+'));
  if (expressions.length === 0) return oneLine(text.slice(0, BEFORE + AFTER));
  const any = expressions.join('|');
  const whole = [...folded.matchAll(new RegExp(`(?<![\\p{L}\\p{N}])(?:${any})`, 'gu'))];
  // Scripts without spaces have no boundary before a word.
  const matches = whole.length > 0 ? whole : [...folded.matchAll(new RegExp(any, 'gu'))];
  const marks = matches.map((match) => ({
    from: places[match.index]!,
    to: places[match.index + match[0].length] ?? text.length,
  }));
  const first = marks[0];
  if (!first) return oneLine(text.slice(0, BEFORE + AFTER));
  const start = Math.max(0, first.from - BEFORE);
  const end = Math.min(text.length, first.from + AFTER);
  let snippet = '';
  let at = start;
  for (const { from, to } of marks) {
    if (from >= end) break;
    snippet += `${text.slice(at, from)}[${text.slice(from, to)}]`;
    at = to;
  }
  snippet += text.slice(at, Math.max(at, end));
  return `${start > 0 ? '…' : ''}${oneLine(snippet)}${end < text.length ? '…' : ''}`;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Text without case and accents, and for each of its characters the place in the text that it comes from. */
function fold(text: string): [folded: string, places: number[]] {
  let folded = '';
  const places: number[] = [];
  let index = 0;
  for (const character of text) {
    const plain = character.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
    for (let i = 0; i < plain.length; i++) places.push(index);
    folded += plain;
    index += character.length;
  }
  places.push(index);
  return [folded, places];
}
