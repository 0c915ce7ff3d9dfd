/** Words that say nothing about a topic: those of grammar, and those of every instruction to an assistant. */
const EMPTY = new Set(
  `a an the and or but so if of in on at to for from with without by as is are was were be been being am i me my mine we
  us our you your yours it its this that these those he she they them his her their what which who whom whose how why
  when where whenever while than then there here do does did done don doesn didn not no nor never always ever please just
  also too very really much more most less can could would should will shall may might must have has had having let ll
  ve re s t d m about any all each every some such only same own into over under again once now still yet up down out
  off get got make sure ask asking asked tell want need like prefer preference rather would'd know think say said use
  using used thing things something anything answer answers reply replies respond response responses give provide include
  always future time instead actually etc because since given considering while though although through between during
  after before both few other remember note keep mind forget question questions discuss mention talk me stop stopping including providing giving mentioning
  love hate enjoy dislike adore fan favor favour favorite favourite keen partial
  ich du sie er es wir ihr mich mir dich dir mein meine dein deine der die das ein eine einen keine kein und oder aber
  bitte immer nie niemals nicht mehr auf mit für von zu im am ist bin hat wenn dass was über nach frage lieber
  habe gesagt antworte antwort antworten jetzt ab sofort nun wieder kannst kann darfst verwende verwenden benutze benutzen bin esse mag
  je tu il elle nous vous moi toi mon ma mes ton ta tes le la les un une des de du et ou mais en dans sur pour avec est
  suis ne pas plus jamais toujours que qui quand ce se réponds réponse réponses répondre maintenant partir utilise peux nouveau aime suis mange
  yo tú él ella mi tu el la los las una unos y o pero en con por para es soy no nunca siempre que cuando lo al del se ya responde contesta ahora adelante usa usar usas uses puedes como gusta`
    .split(/\s+/)
    .filter((word) => word !== ''),
);

const MOST_WORDS = 24;

/**
 * The distinct topic words of a text, shortened to stems, in order; at most `most`. With `neverEmpty`, a text that has
 * none gives all its words.
 */
export function topicWords(text: string, { neverEmpty = false, most = MOST_WORDS } = {}): string[] {
  const topics = distinctStems(text, most, (word) => !EMPTY.has(word));
  return topics.length === 0 && neverEmpty ? distinctStems(text, most, () => true) : topics;
}

function distinctStems(text: string, most: number, counts: (word: string) => boolean): string[] {
  const words = new Set<string>();
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}]{2,40}/gu)) {
    if (!counts(word)) continue;
    words.add(stem(word));
    if (words.size === most) break;
  }
  return [...words];
}

const ENDINGS =
  /(?:ational|ations?|ements?|ments?|ings?|ically|ally|ively|ity|ities|ies|ives?|ions?|edly|ers?|ed|ly|es|s|al|ic|e|y)$/;

/** A rough stem: equal for most forms of an English word, at least three letters long. */
export function stem(word: string): string {
  if (word.length < 4) return word;
  const shorter = word.replace(ENDINGS, '');
  const base = shorter.length >= 3 ? shorter : word.replace(/s$/, '');
  return base.replace(/([bdfgmnprt])\1$/, '$1');
}

/** The share of common words among all words of two sets (Jaccard), 0–1. */
export function similarity(a: readonly string[], b: readonly string[]): number {
  const common = commonWords(a, b);
  return common === 0 ? 0 : common / (a.length + b.length - common);
}

export function commonWords(a: readonly string[], b: readonly string[]): number {
  const set = new Set(b);
  return a.reduce((sum, word) => sum + (set.has(word) ? 1 : 0), 0);
}
