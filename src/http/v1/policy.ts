import type { Caller, Dialect, TurnPolicy } from '../../core/turn.ts';
import { invalid } from './fields.ts';

const ON_DISCONNECT = ['run_on', 'cancel'] as const;
const WHEN_BUSY = ['wait', 'fork'] as const;
const WHEN_DOWN = ['fail', 'defer'] as const;
const WHEN_BROKEN = ['restart', 'fail'] as const;

/** Where nobody says what to do about a broken answer: a chat client cannot take back half a call of a tool. */
const BROKEN_BY_DEFAULT: Record<Dialect, TurnPolicy['whenBroken']> = { responses: 'restart', chat: 'fail' };

/** How a request's turn is to meet trouble: its headers say, or else its key, the configuration or the dialect. */
export function policyOf(headers: Headers, { policy }: Caller, dialect: Dialect): TurnPolicy {
  return {
    onDisconnect: word(headers, 'x-clawhold-on-disconnect', ON_DISCONNECT) ?? policy.onDisconnect,
    whenBusy: word(headers, 'x-clawhold-when-busy', WHEN_BUSY) ?? policy.whenBusy,
    whenDown: word(headers, 'x-clawhold-when-down', WHEN_DOWN) ?? policy.whenDown,
    whenBroken:
      word(headers, 'x-clawhold-when-broken', WHEN_BROKEN) ?? policy.whenBroken ?? BROKEN_BY_DEFAULT[dialect],
  };
}

function word<const Word extends string>(
  headers: Headers,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const said = headers.get(name);
  if (said === null) return undefined;
  const found = words.find((one) => one === said);
  if (!found) throw invalid(name, words.join(' or '));
  return found;
}
