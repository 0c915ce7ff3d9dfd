import type { Facts } from './facts.ts';

const NINE = /^[a-zA-Z0-9]{9}$/;

/** How ids of tool calls are written for a provider. The same id always becomes the same. */
export function callIds(facts: Facts): (id: string) => string {
  return facts.nineCharacterIds ? nineCharacters : (id) => id;
}

function nineCharacters(id: string): string {
  if (NINE.test(id)) return id;
  return Bun.hash.xxHash64(id).toString(36).padStart(13, '0').slice(-9);
}
