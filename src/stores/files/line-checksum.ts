/**
 * A line of the journal is a JSON array whose last element is the checksum of the text before it:
 * `["end","turn_…","#1a2b3c4d"]`. Version 0.1 wrote lines without it, and ignores it.
 */
const CHECKSUM = /,"#([0-9a-f]{8})"\]$/;
const CHECKSUM_LENGTH = ',"#00000000"]'.length;

/** `open` is the text of the array without its closing bracket. */
export const withChecksum = (open: string): string => `${open},"#${checksumOf(open)}"]`;

/** False for a line that is not as it was written. A line without a checksum passes. */
export function isIntact(line: string): boolean {
  const checksum = CHECKSUM.exec(line.slice(-CHECKSUM_LENGTH))?.[1];
  return checksum === undefined || checksum === checksumOf(line.slice(0, -CHECKSUM_LENGTH));
}

const checksumOf = (text: string): string => Bun.hash.crc32(text).toString(16).padStart(8, '0');
