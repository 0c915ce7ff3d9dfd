import type { Slot, Topic } from './statement.ts';
import { stem, topicWords } from './words.ts';

type Found = Pick<Topic, 'slot' | 'of' | 'value'>;

interface SlotRow {
  slot: Slot;
  of: string;
  value: string;
  pattern: RegExp;
}

const row = (slot: Slot, of: string, value: string, pattern: string): SlotRow => ({
  slot,
  of,
  value,
  pattern: new RegExp(`(?:^|[^a-z0-9ß-ÿœ])(?:${pattern})(?![a-z0-9ß-ÿœ])`, 'i'),
});

/** Names of languages, in the languages that are understood. */
const LANGUAGES: [string, string][] = [
  ['english', 'english|englisch|anglais|inglés|ingles'],
  ['french', 'french|französisch|français|francais|francés|frances'],
  ['german', 'german|deutsch|allemand|alemán|aleman'],
  ['spanish', 'spanish|spanisch|espagnol|español|espanol|castellano'],
  ['italian', 'italian|italienisch|italien|italiano'],
  ['portuguese', 'portuguese|portugiesisch|portugais|portugués'],
  ['dutch', 'dutch|niederländisch|holländisch|néerlandais|neerlandés'],
  ['polish', 'polish|polnisch|polonais|polaco'],
  ['russian', 'russian|russisch|russe|ruso'],
  ['ukrainian', 'ukrainian|ukrainisch|ukrainien|ucraniano'],
  ['turkish', 'turkish|türkisch|turc|turco'],
  ['arabic', 'arabic|arabisch|arabe|árabe'],
  ['hindi', 'hindi'],
  ['chinese', 'chinese|mandarin|chinesisch|chinois|chino'],
  ['japanese', 'japanese|japanisch|japonais|japonés'],
  ['korean', 'korean|koreanisch|coréen|coreano'],
  ['swedish', 'swedish|schwedisch|suédois|sueco'],
  ['danish', 'danish|dänisch|danois|danés'],
  ['norwegian', 'norwegian|norwegisch|norvégien|noruego'],
  ['greek', 'greek|griechisch|grec|griego'],
  ['latin', 'latin'],
  ['welsh', 'welsh'],
];

export const LANGUAGE = LANGUAGES.map(([, names]) => names).join('|');

/** Shapes of an answer that a user asks for or refuses: the thing, and the words for it. */
const FORMATS: [string, string][] = [
  ['table', 'tables?|tabellen?|tableaux?|tablas?'],
  [
    'list',
    'bullets?|bullet[- ]?points?|lists|bulleted lists?|bullet lists?|numbered lists?|listen|aufzählung(?:en)?|stichpunkte?n?|listes?|puces|listas?|viñetas',
  ],
  ['emoji', 'emojis?|emoticons?|smileys?|smilies|émojis?'],
  ['heading', 'headings?|headers|headlines|überschriften|titres|encabezados'],
  ['markdown', 'markdown|plain text|latex'],
  ['bold', 'bold(?: text)?|italics|asterisks|capital letters|all caps'],
  [
    'code',
    'code blocks?|code examples?|code comments?|comments in (?:the )?code|snippets?|type hints|docstrings?',
  ],
  [
    'jargon',
    'jargon|idioms?|contractions|technical (?:terms|language)|(?:plain|simple|easy) english|plain language|every (?:technical )?(?:term|word|abbreviation|acronym)|(?:simple|easy) (?:words|language|terms)|buzzwords|big words|fachbegriffe|slang|acronyms|abbreviations',
  ],
  ['punctuation', 'exclamation (?:marks?|points?)|em[- ]dash(?:es)?|semicolons|hyphens'],
  ['apology', 'apologi[sz](?:e|es|ing)|apologies|disclaimers?|warnings|caveats'],
  [
    'flattery',
    'flattery|greetings?|introductions?|intros?|compliments?|praise|pleasantries|filler|preambles?|small talk',
  ],
  ['question', 'follow[- ]up questions?|clarifying questions?'],
  ['source', 'sources|citations?|references|footnotes|links|urls|quellen|fuentes'],
  ['joke', 'jokes?|humou?r|puns|sarcasm|metaphors?|analogies|rhymes?|poems'],
  ['example', 'examples?|beispiele|exemples|ejemplos'],
  ['summary', 'tl;?dr|bottom line|summar(?:y|ies)|recaps?|conclusions?'],
];

const ROWS: SlotRow[] = [
  ...LANGUAGES.map(([value, names]) =>
    row(
      'language',
      '',
      value,
      `(?:in|into|to|speak|use|with|auf|en|au|à|a|al|habla|parle|sprich|rede) (?:[a-zß-ÿœ]+ )?(?:${names})|(?:${names}) (?:only|again)|(?:only|no more) (?:${names})`,
    ),
  ),
  ...[
    'python',
    'typescript',
    'javascript',
    'java',
    'rust',
    'golang',
    'kotlin',
    'ruby',
    'php',
    'c#',
    'c\\+\\+',
  ].map((name) => row('tool', 'code', name, name)),
  ...['npm', 'pnpm', 'yarn'].map((name) => row('tool', 'packages', name, name)),
  ...['windows', 'linux', 'ubuntu', 'macos', 'mac'].map((name) => row('tool', 'system', name, name)),
  ...['tabs', 'spaces'].map((name) => row('tool', 'indentation', name, name)),
  ...FORMATS.map(([of, words]) => row('format', of, '', words)),
  row('format', 'number', '', 'spell(?:ed)? out|written out|(?:\\w+ )?decimals?(?: places)?|digits'),
  row(
    'length',
    '',
    'short',
    'short(?:er)?|brief(?:er|ly)?|concise(?:ly)?|succinct(?:ly)?|terse|compact|to the point|ramble|rambling|verbose|wordy|long[- ]winded|essays|walls? of text|(?:one|two|three|four|five|six|ten|a few|\\d+) (?:sentences?|lines?|paragraphs?|words)|kurz(?:e|en|er)?|kürzer(?:e|en)?|knapp|breve(?:s|ment)?|bref|brève(?:s)?|court(?:e|es|s)?|cort[oa]s?|concis[oa]?',
  ),
  row(
    'length',
    '',
    'long',
    'long(?:er)?|detailed|in[- ]depth|in (?:more )?detail|more detail|thorough(?:ly)?|elaborate|comprehensive|step[- ]by[- ]step|ausführlich(?:e|er|en)?|détaill(?:é|ée|ées|és)|detallad[oa]s?',
  ),
  row(
    'tone',
    '',
    'informal',
    'informal(?:ly)?|formalit(?:y|ies)|(?:so|too|less) formal|first names?|nickname|casual(?:ly)?|relaxed|first[- ]name terms|duze|duzen|tutoie|tutoyer|tutéame|tutear|chatty|locker',
  ),
  row(
    'tone',
    '',
    'formal',
    'formal(?:ly)?|(?:inclusive|gender[- ]neutral|respectful) language|professional(?:ly)?|business[- ]like|sieze|siezen|vouvoie|de usted|vouvoyer|förmlich',
  ),
  row(
    'tone',
    '',
    'direct',
    'blunt(?:ly)?|direct(?:ly)?|honest(?:ly)?|straightforward|frank|brutally|critical|sugar-?coat(?:ing)?|direkt|ehrlich',
  ),
  row(
    'tone',
    '',
    'friendly',
    'friendly|warm|kind|gentle|polite(?:ly)?|encouraging|patient|supportive|freundlich|aimable|amable',
  ),
  row('tone', '', 'serious', 'serious(?:ly)?|neutral|objective|matter-of-fact'),
  row('tone', '', 'playful', 'funny|humorous|playful|sarcastic|cheeky|witty'),
  row('units', 'temperature', 'celsius', 'celsius|centigrade'),
  row('units', 'temperature', 'fahrenheit', 'fahrenheit'),
  row(
    'units',
    '',
    'metric',
    'metric(?: units| system)?|kilomet(?:er|re)s|kilograms?|kilos|centimet(?:er|re)s|si units|metrische einheiten|metrisches system|système métrique|unités métriques|sistema métrico',
  ),
  row('units', '', 'imperial', 'imperial(?: units)?|us units|miles|pounds|feet and inches|cups'),
  row('units', 'currency', '', 'euros?|dollars|pounds sterling|usd|eur|gbp|swiss francs|yen'),
  row('clock', '', '24', '24[- ]?h(?:our|ours|rs)?|military time'),
  row('clock', '', '12', '12[- ]?h(?:our|ours|rs)?|am/pm'),
  row(
    'clock',
    'date',
    '',
    'iso (?:dates?|format)|iso 8601|date format|dd/mm(?:/yyyy)?|mm/dd(?:/yyyy)?|yyyy-mm-dd',
  ),
];

/** A word for the shape, language or tone of answers. Other wishes need a word such as `always`. */
export const STYLE = new RegExp(ROWS.map(({ pattern }) => pattern.source).join('|'), 'i');

/** Other words than the slot's that a statement may have: with more of them it is about more than the slot. */
const FURTHER_WORDS = 2;
/** Words that describe answers in general. */
const ABOUT_ANSWERS = new Set(
  'message output explanation explain text writing write sentence style language tone speak format formatted switch chat conversation stop avoid skip call back add put stay stick unit temperature measurement english'
    .split(' ')
    .map(stem),
);

/** The slot that the statement fills, if it is about nothing else. */
export function slotOf(plain: string, words: readonly string[]): Found | undefined {
  let found: Found | undefined;
  let rest = [...words];
  const said = plain.replace(/\bno longer\b/iu, '');
  for (const { slot, of, value, pattern } of ROWS) {
    const match = pattern.exec(said);
    if (!match) continue;
    found ??= { slot, of, value };
    const matched = new Set(topicWords(match[0]));
    rest = rest.filter((word) => !matched.has(word));
  }
  if (!found) return undefined;
  return rest.filter((word) => !ABOUT_ANSWERS.has(word)).length <= FURTHER_WORDS ? found : undefined;
}
