import { join } from 'node:path';
import { Fault } from '../../core/errors.ts';
import type { MemberId } from '../../session/members.ts';

/** The names of the files in `<dataDir>/journal`. A member's id is a UUID. */

const MEMBER_FILE = /^([0-9a-f-]{36})(-\d+\.log(\.tmp)?|\.lock)$/;

export const journalDirectory = (dataDir: string): string => join(dataDir, 'journal');

export const lockName = (member: MemberId): string => `${member}.lock`;
export const isSegment = (name: string): boolean => name.endsWith('.log');

/** The process that made a file; `undefined` where the file is something else. */
export const memberOf = (name: string): MemberId | undefined => MEMBER_FILE.exec(name)?.[1];

export function unreadable(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  const reason = (cause as Error).message;
  return new Fault('store_unavailable', `The journal cannot be read: ${reason}.`, { cause });
}

export function unwritable(cause: unknown): Fault {
  const reason = (cause as Error).message;
  return new Fault('store_unavailable', `The journal cannot be written: ${reason}.`, { cause });
}
