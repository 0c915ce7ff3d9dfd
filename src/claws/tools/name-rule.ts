/** The names that an API takes, and their greatest length. */
export interface NameRule {
  names: RegExp;
  nameLength: number;
}

/**
 * The name itself. If the name is invalid or taken, a free name made from it. Equal arguments give equal names.
 */
export function freeName(name: string, rule: NameRule, isTaken: (name: string) => boolean): string {
  const wanted = validName(name, rule);
  let free = wanted;
  for (let count = 2; isTaken(free); count++) {
    const ending = `_${count}`;
    free = wanted.slice(0, rule.nameLength - ending.length) + ending;
  }
  return free;
}

export const isValidName = (name: string, rule: NameRule): boolean => validName(name, rule) === name;

function validName(name: string, { names, nameLength }: NameRule): string {
  if (name.length <= nameLength && names.test(name)) return name;
  const characters = Array.from(name, (character) => (names.test(`_${character}`) ? character : '_'));
  const safe = characters.join('') || '_';
  return (names.test(safe) ? safe : `_${safe}`).slice(0, nameLength);
}
