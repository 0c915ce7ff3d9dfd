/**
 * Shorter secrets are left alone: keys of local servers are words like `none`. A text may also end within a
 * key, because messages are cut; as many characters of its beginning are enough to recognise it.
 */
const MIN_LENGTH = 8;
const RECOGNISED_BY = 12;

const REDACTED = '[redacted]';

/** The keys that this gateway makes (`newKey`). Only their hashes are known. */
const OWN_KEY = /sk-claw-[\w-]{16,}/g;

/** Replaces secrets in a text. */
type Redact = (text: string) => string;

/**
 * Replaces every one of `secrets`, in whole or from its beginning on, also as JSON and URLs write it, and every
 * key that this gateway makes.
 */
export function redactionOf(secrets: Iterable<string>): Redact {
  const written = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < MIN_LENGTH) continue;
    const well = secret.toWellFormed();
    for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(well)])
      written.add(form);
  }
  // The longer ones first: one key may be the beginning of another.
  const forms = [...written].sort((a, b) => b.length - a.length);
  return (text) => forms.reduce(withoutSecret, text).replace(OWN_KEY, REDACTED);
}

function withoutSecret(text: string, secret: string): string {
  const head = secret.slice(0, RECOGNISED_BY);
  let result = '';
  let from = 0;
  for (let at = text.indexOf(head); at !== -1; at = text.indexOf(head, from)) {
    let length = head.length;
    while (length < secret.length && text[at + length] === secret[length]) length++;
    result += text.slice(from, at) + REDACTED;
    from = at + length;
  }
  return from === 0 ? text : result + text.slice(from);
}
