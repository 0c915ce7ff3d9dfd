/** How sentences divide into clauses, in the languages that are understood. */

/** Where a clause can begin inside a sentence. */
const CLAUSE =
  /(?:[,;:]|\s[-–—]|\s\(|\.\.\.)\s*|\s(?:and|but|so|because|since|as|considering(?: that)?|given(?: that)?|although|though|while|that|und|aber|et|mais|y|pero)\s+|\b(?:find|found|think|guess|realized|realised|believe|feel|say|noticed|mean)\s+(?=i\b)|\bfor (?=someone)/giu;
const MOST_CLAUSES = 24;
/** The next clause asks for something: it does not belong to a statement about the user. */
const ASKS =
  /(?:[,;:]|\s[-–—]|\.\.\.|\s(?=so |and |but ))\s*(?:(?:so|and|but|then|now|also|plus|or|um|uh|you know|that said|therefore|which is why)[, ]+)*(?:how|what|which|why|where|when|who|whether|can|could|would|will|should|shall|is|are|do|does|did|any|please|help|i'd like|i want|i need|i'm (?:wondering|looking|trying|thinking|curious|considering|planning|not sure)|i was|i wonder|let's|let me|tell me|show me|give me|maybe|kannst|könntest|was|wie|welche|peux-tu|pouvez-vous|comment|quel|quelle|qu'est|puedes|podrías|cómo|qué|cuál)\b/iu;
/** The sentence supposes something. */
export const SUPPOSED =
  /^(?:if (?!i (?:\w+ )?(?:ask|mention|say|request|want|need|talk|bring|share|send|post|give)|you|possible)|suppose|supposing|imagine|let's (?:say|assume|pretend)|what if|pretend|hypothetically|in case (?!i)|say i\b|stell dir vor|angenommen|imagine que|imagina|supongamos)/iu;
/** What stands before the words of another person. */
export const REPORTED =
  /\b(?:said|says|told|tells|wrote|replied|asked|asks|claims?|claimed|mentioned|thinks|argued|sagt|sagte|dit|disait|dice|dijo)(?: \w+)?(?: that)?[,:]?\s*$/iu;

/** A question that asks the assistant to do something. */
export const REQUEST =
  /\b(?:(?:can|could|would|will|might) (?:you|we|it)|(?:may|shall) we|do you mind|possible|call me|nenn|(?:kannst|könntest|würdest) du|(?:peux|pourrais)-tu|pou[rv]\w+-vous|puedes|podrías|llámame)\b|\b(?:ok|okay|alright|please|right|deal|will you|yes|bitte)\?/iu;

/** The clearest statement of a preference is found anywhere in a sentence. */
const PREFERS =
  /\bmy (?:[a-z]+[- ]){0,3}preferences?\b|\b(?:i|we)(?:'d|'ve| would| have)? (?:[a-z]+ ){0,2}(?:prefer(?:red)?|rather)\b/gi;
/** `the one I prefer`, `do I prefer` name no preference. */
const REFERS_BACK =
  /\b(?:do|did|should|would|if|whether|what|which|how|why|where|than|as|ones?|way|kind|type|thing|option|like)\s+$/i;

/** Where a statement can begin: at most about 30 positions, in order. */
export function clauseStarts(plain: string): number[] {
  const starts = [0];
  for (const separator of plain.matchAll(CLAUSE)) {
    if (/\byou $/i.test(plain.slice(0, separator.index))) continue;
    starts.push(separator.index + separator[0].length);
    if (starts.length === MOST_CLAUSES) break;
  }
  for (const { index } of plain.matchAll(PREFERS))
    if (!REFERS_BACK.test(plain.slice(Math.max(0, index - 20), index))) starts.push(index);
  return [...new Set(starts)].sort((a, b) => a - b);
}

/** The end of a clause about the user that begins at `start`: before the question in the same sentence. */
export function clauseEnd(plain: string, start: number, limit: number): number {
  const asks = ASKS.exec(plain.slice(start, limit));
  return asks ? start + asks.index : limit;
}

/** The text without what joins it to the next clause. */
export const withoutConnective = (text: string): string => text.replace(CONNECTIVE, '');

const CONNECTIVE =
  /(?:[\s,;:–—(-]|\s(?:and|but|so|because|since|as|considering|given|although|though|while|und|aber|et|mais|y|pero))+$/iu;
