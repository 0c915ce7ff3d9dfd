/** Scripts that are written without spaces: each of their characters is a word of its own. */
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;

/** The text as it is indexed. */
export const searchable = (text: string): string => text.replace(WITHOUT_SPACES, ' $& ');

/**
 * The word that the index has for a tenant in each of its texts. It begins with a character for private use, so that
 * texts hardly ever have it; the tenant of what was found is checked all the same.
 */
export const tenantWord = (tenant: number): string => `\u{e000}${tenant}`;
