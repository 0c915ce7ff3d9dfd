import type { TurnPath } from '../turn/path.ts';

/** What the dialects need of the gateway. */
export interface Gateway extends TurnPath {
  /** The largest request body, in bytes. */
  bodyLimit: number;
  /** What happens to a history that does not fit, where the dialect has no word for it. */
  overflow: 'truncate' | 'error';
}
