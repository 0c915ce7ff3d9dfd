/** A proof that this simulator made a text and that it is unchanged, as in signatures and encrypted content. */
export function seal(kind: string, content: string): string {
  return Buffer.from(`${kind}:${digest(kind, content)}`).toString('base64');
}

/** A proof that contains its content. */
export function sealWith(kind: string, content: string): string {
  return Buffer.from(`${digest(kind, content)}:${content}`).toString('base64');
}

export function isSealed(kind: string, sealed: string): boolean {
  const text = Buffer.from(sealed, 'base64').toString();
  const at = text.indexOf(':');
  return at > 0 && text.slice(0, at) === digest(kind, text.slice(at + 1));
}

function digest(kind: string, content: string): string {
  return new Bun.CryptoHasher('sha256').update(`${kind}:${content}`).digest('hex');
}
