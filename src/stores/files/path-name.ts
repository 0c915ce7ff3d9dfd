const MAX_NAME_LENGTH = 200;

/**
 * A name for a file or folder that stands for `text` and no other text: safe on every file system,
 * also one that ignores case or knows special names.
 */
export function pathName(text: string): string {
  let name = '';
  for (const byte of new TextEncoder().encode(text)) {
    const character = String.fromCharCode(byte);
    name += /[a-z0-9_-]/.test(character) ? character : `~${byte.toString(16).padStart(2, '0')}`;
  }
  if (name !== '' && name.length <= MAX_NAME_LENGTH) return name;
  return `~~${new Bun.CryptoHasher('sha256').update(text).digest('hex')}`;
}
