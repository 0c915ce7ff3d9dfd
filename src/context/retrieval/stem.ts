/**
 * The stem of an English word: the algorithm Porter2 (https://snowballstem.org/algorithms/english/stemmer.html).
 * The word is in lower case.
 */
export function stem(word: string): string {
  if (word.length <= 2 || !ASCII.test(word)) return word;
  const exception = EXCEPTIONS.get(word);
  if (exception !== undefined) return exception;
  const marked = word.replace(/^y/, 'Y').replace(/([aeiouy])y/g, '$1Y');
  const r1 = regionOne(marked);
  const r2 = regionAfter(marked, r1);
  const singular = stepOne(marked);
  if (INVARIANT.has(singular)) return singular;
  const past = stepOneB(singular, r1);
  const y = past.replace(/(.[^aeiouyY])[yY]$/, '$1i').replace(/(.[^aeiou])[yY]$/, '$1i');
  const short = lastSteps(stepThree(stepTwo(y, r1), r1, r2), r1, r2);
  return short.toLowerCase();
}

const ASCII = /^[a-z']+$/;

const EXCEPTIONS = new Map(
  Object.entries({
    skis: 'ski',
    skies: 'sky',
    dying: 'die',
    lying: 'lie',
    tying: 'tie',
    idly: 'idl',
    gently: 'gentl',
    ugly: 'ugli',
    early: 'earli',
    only: 'onli',
    singly: 'singl',
    sky: 'sky',
    news: 'news',
    howe: 'howe',
    atlas: 'atlas',
    cosmos: 'cosmos',
    bias: 'bias',
    andes: 'andes',
  }),
);
const INVARIANT = new Set('inning outing canning herring earring proceed exceed succeed'.split(' '));

function regionOne(word: string): number {
  const prefix = /^(gener|commun|arsen)/.exec(word);
  return prefix ? prefix[0].length : regionAfter(word, 0);
}

/** The position after the first consonant that follows a vowel, from `start` on. */
function regionAfter(word: string, start: number): number {
  const match = /[aeiouy][^aeiouy]/.exec(word.slice(start));
  return match ? start + match.index + 2 : word.length;
}

function stepOne(word: string): string {
  const bare = word.replace(/'s'$|'s$|'$/, '');
  if (bare.endsWith('sses')) return bare.slice(0, -2);
  if (/(ied|ies)$/.test(bare)) return bare.slice(0, bare.length > 4 ? -2 : -1);
  if (/(us|ss)$/.test(bare)) return bare;
  return /[aeiouy].+s$/.test(bare) ? bare.slice(0, -1) : bare;
}

function stepOneB(word: string, r1: number): string {
  const eed = /(eedly|eed)$/.exec(word);
  if (eed) return eed.index >= r1 ? `${word.slice(0, eed.index)}ee` : word;
  const suffix = /(ingly|edly|ing|ed)$/.exec(word);
  if (!suffix || !/[aeiouy]/.test(word.slice(0, suffix.index))) return word;
  const base = word.slice(0, suffix.index);
  if (/(at|bl|iz)$/.test(base)) return `${base}e`;
  if (/(bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(base)) return base.slice(0, -1);
  return r1 >= base.length && endsShort(base) ? `${base}e` : base;
}

const endsShort = (word: string): boolean => /(^[aeiouy][^aeiouy]|[^aeiouy][aeiouy][^aeiouywxY])$/.test(word);

const STEP_TWO: readonly (readonly [string, string])[] = [
  ['ization', 'ize'],
  ['ational', 'ate'],
  ['fulness', 'ful'],
  ['ousness', 'ous'],
  ['iveness', 'ive'],
  ['tional', 'tion'],
  ['biliti', 'ble'],
  ['lessli', 'less'],
  ['entli', 'ent'],
  ['ation', 'ate'],
  ['alism', 'al'],
  ['aliti', 'al'],
  ['ousli', 'ous'],
  ['iviti', 'ive'],
  ['fulli', 'ful'],
  ['enci', 'ence'],
  ['anci', 'ance'],
  ['abli', 'able'],
  ['izer', 'ize'],
  ['ator', 'ate'],
  ['alli', 'al'],
  ['bli', 'ble'],
];

function stepTwo(word: string, r1: number): string {
  for (const [suffix, replacement] of STEP_TWO) {
    if (!word.endsWith(suffix)) continue;
    const end = word.length - suffix.length;
    return end >= r1 ? word.slice(0, end) + replacement : word;
  }
  if (word.endsWith('ogi') && word.length - 3 >= r1 && word.at(-4) === 'l') return word.slice(0, -1);
  if (/[cdeghkmnrt]li$/.test(word) && word.length - 2 >= r1) return word.slice(0, -2);
  return word;
}

const STEP_THREE: readonly (readonly [string, string])[] = [
  ['ational', 'ate'],
  ['tional', 'tion'],
  ['alize', 'al'],
  ['icate', 'ic'],
  ['iciti', 'ic'],
  ['ical', 'ic'],
  ['ness', ''],
  ['ful', ''],
];

function stepThree(word: string, r1: number, r2: number): string {
  for (const [suffix, replacement] of STEP_THREE) {
    if (!word.endsWith(suffix)) continue;
    const end = word.length - suffix.length;
    return end >= r1 ? word.slice(0, end) + replacement : word;
  }
  return word.endsWith('ative') && word.length - 5 >= r2 ? word.slice(0, -5) : word;
}

function lastSteps(word: string, r1: number, r2: number): string {
  const suffix = /(ement|ance|ence|able|ible|ment|ant|ent|ism|ate|iti|ous|ive|ize|al|er|ic)$/.exec(word);
  let base = word;
  if (suffix) {
    if (suffix.index >= r2) base = word.slice(0, suffix.index);
  } else if (/[st]ion$/.test(word) && word.length - 3 >= r2) base = word.slice(0, -3);
  const last = base.length - 1;
  if (base.endsWith('e') && (last >= r2 || (last >= r1 && !endsShort(base.slice(0, -1)))))
    return base.slice(0, -1);
  return base.endsWith('ll') && last >= r2 ? base.slice(0, -1) : base;
}
