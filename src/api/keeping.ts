import { Fault } from '../core/errors.ts';
import type { Caller } from '../core/request.ts';

/** `keeping_forbidden` where nothing of the caller's requests may be kept: for requests that only store something. */
export function expectMayKeep({ mayKeep, key }: Caller): void {
  if (!mayKeep) throw new Fault('keeping_forbidden', `Nothing may be stored with the key "${key}".`);
}
