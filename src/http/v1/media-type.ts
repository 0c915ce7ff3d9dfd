/**
 * Whether a text is a media type that can stand in a `data:` URL: `image/png`, `audio/L16;rate=24000` (RFC 6838, section
 * 4.2; RFC 2397). A comma would end the type there, and begin the data.
 */
export const isMediaType = (text: unknown): text is string =>
  typeof text === 'string' && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:;[\x20-\x2b\x2d-\x7e]*)?$/.test(text);
