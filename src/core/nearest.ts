/**
 * How many single-character edits (insert, delete, replace, swap of neighbours) lead from `a` to `b`.
 * Upper and lower case count as equal.
 */
export function editDistance(a: string, b: string): number {
  const from = a.toLowerCase();
  const to = b.toLowerCase();
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let best = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (swapped) best = Math.min(best, beforeLast[column - 2]! + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length]!;
}

/** Longer names are no typing errors, and comparing them takes time. */
const LONGEST = 256;

/**
 * The entries of `among` that are most similar to `name`, nearest first, at most `count`. An entry is
 * similar if about a third of its characters or less would have to change, or if one of the two names
 * contains the other.
 */
export function nearest(name: string, among: Iterable<string>, count = 1): string[] {
  if (name.length > LONGEST) return [];
  const wanted = name.toLowerCase();
  const near: { entry: string; distance: number }[] = [];
  for (const entry of new Set(among)) {
    const distance = editDistance(name, entry);
    const longer = Math.max(name.length, entry.length);
    const shorter = Math.min(name.length, entry.length);
    const contained =
      shorter >= 3 && (entry.toLowerCase().includes(wanted) || wanted.includes(entry.toLowerCase()));
    if (distance <= Math.max(1, Math.floor(longer / 3)) || contained) near.push({ entry, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.entry < b.entry ? -1 : 1));
  return near.slice(0, count).map(({ entry }) => entry);
}

/**
 * `nearest` for names such as `provider/model`. A `name` without a provider is compared with the part after the
 * slash. For a word without a number (`sonnet`, `gpt`), the result is the newest models that have it in their
 * names.
 */
export function nearestModels(name: string, models: readonly string[], count = 3): string[] {
  if (name.includes('/')) return nearest(name, models, count);
  const newest = /\d/.test(name) ? [] : newestWith(name, models);
  if (newest.length > 0) return newest.slice(0, count);
  const byModel = Map.groupBy(models, modelPart);
  const near = nearest(name, byModel.keys(), count).flatMap((model) => byModel.get(model) ?? []);
  return near.length > 0 ? near.slice(0, count) : nearest(name, models, count);
}

const modelPart = (full: string): string => full.slice(full.indexOf('/') + 1);

const SHORTEST_WORD = 3;

/**
 * The models that have all parts of `word` (`gemini-pro`) in their names, newest first. If there are none, the
 * models whose providers' names have them.
 */
function newestWith(word: string, models: readonly string[]): string[] {
  if (word.length < SHORTEST_WORD || word.length > LONGEST) return [];
  const parts = word.toLowerCase().split('-');
  const has = (text: string) => parts.every((part) => text.toLowerCase().includes(part));
  const named = models.filter((full) => has(modelPart(full)));
  return (named.length > 0 ? named : models.filter(has)).toSorted(byAge);
}

const byNumber = new Intl.Collator('en', { numeric: true }).compare;

/**
 * Newest first, by the version in the name; for equal versions, the shortest name first. A provider's own model
 * (`anthropic/claude-…`) comes before the same model at a reseller (`openrouter/anthropic/claude-…`).
 */
function byAge(a: string, b: string): number {
  const depth = (full: string) => full.split('/').length;
  return depth(a) - depth(b) || byNumber(versionOf(b), versionOf(a)) || a.length - b.length || byNumber(b, a);
}

/**
 * `claude-sonnet-4-5-20250929` → `4.5`, without dates and without sizes such as `70b`. Empty where the name has
 * no version.
 */
function versionOf(full: string): string {
  const undated = modelPart(full).replace(/\d{4}-\d{2}-\d{2}|\d{4,}/g, '');
  return (/(?<![\d.])\d{1,2}([.-]\d{1,2})?(?![\d.b])/.exec(undated)?.[0] ?? '').replace('-', '.');
}
