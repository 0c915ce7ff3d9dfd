/** Scripts that are written without spaces: each of their characters is a word of its own. */
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/gu;

/** The text as it is indexed. */
export const searchable = (text: string): string => text.replace(WITHOUT_SPACES, ' $& ');

/** The name of a tenant among the words. */
export const tenantWord = (tenant: number): string => `t${tenant}`;

/** A query for turns of a tenant that have all phrases. */
export function matchOf(tenant: number, phrases: readonly string[]): string {
  const all = phrases.map((phrase) => {
    const isBeginning = phrase.endsWith('*');
    const words = searchable(isBeginning ? phrase.slice(0, -1) : phrase).trim();
    return `"${words.replaceAll('"', '""')}"${isBeginning ? ' *' : ''}`;
  });
  return `tenant : "${tenantWord(tenant)}" AND text : (${all.join(' AND ')})`;
}
