/** Short bodies gain less from compression than it costs. */
const WORTH_COMPRESSING = 400;

/** A turn's body as the file holds it: text, or zstd where that is smaller. */
export function packBody(body: string): string | Uint8Array {
  if (body.length < WORTH_COMPRESSING) return body;
  const packed = Bun.zstdCompressSync(body, { level: 1 });
  return packed.byteLength < body.length ? packed : body;
}

export function unpackBody(stored: string | Uint8Array): string {
  return typeof stored === 'string' ? stored : Bun.zstdDecompressSync(stored).toString('utf8');
}
