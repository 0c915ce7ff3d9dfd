import { IRREGULAR } from './irregular.ts';
import { stem } from './stem.ts';

/** Characters of a word that count. A longer run is encoded data, or a text without spaces. */
const LONGEST_WORD = 40;
/** Characters of a text that are read. */
const LONGEST_TEXT = 100_000;

/** Han characters are words of their own; other scripts without spaces are cut into short pieces. */
const WORD =
  /\p{Script=Han}|[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]{1,3}|[\p{L}\p{M}\p{N}]+(?:['’.][\p{L}\p{N}]+)*/gu;

/** The words of a text as they are compared: in lower case, without accents. */
function* wordsOf(text: string): Generator<string> {
  for (const [word] of text.slice(0, LONGEST_TEXT).matchAll(WORD)) {
    const plain = word.slice(0, LONGEST_WORD).toLowerCase();
    yield ASCII.test(plain) ? plain : plain.normalize('NFKD').replace(/\p{M}/gu, '').replaceAll('’', "'");
  }
}

const ASCII = /^[!-~]*$/;

const STOP_WORDS = new Set(
  `a about above after again against all also am an and any are aren't as at be because been before being below
  between both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each few for
  from further had hadn't has hasn't have haven't having he he'd he'll he's her here here's hers herself him himself
  his how how's i i'd i'll i'm i've if in into is isn't it it's its itself just let's me more most mustn't my myself
  no nor not of off on once only or other ought our ours ourselves out over own same shan't she she'd she'll she's
  should shouldn't so some such than that that's the their theirs them themselves then there there's these they they'd
  they'll they're they've this those through to too under until up very was wasn't we we'd we'll we're we've were
  weren't what what's when when's where where's which while who who's whom why why's will with won't would wouldn't
  you you'd you'll you're you've your yours yourself yourselves`.split(/\s+/),
);

/** Stems of words that were seen, because most words of a text are common. */
const stems = new Map<string, string>();
const MOST_STEMS = 50_000;

function stemOf(word: string): string {
  const known = stems.get(word);
  if (known !== undefined) return known;
  if (stems.size >= MOST_STEMS) stems.clear();
  const bare = word.replace(/'s$/, '');
  const made = stem(IRREGULAR.get(bare) ?? bare);
  stems.set(word, made);
  return made;
}

/** The terms of a text, in order: the stems of its words, without stop words. */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  for (const word of wordsOf(text)) if (!STOP_WORDS.has(word)) terms.push(stemOf(word));
  return terms;
}
