import type { Caller, Dialect, TurnPolicy } from '../../core/turn.ts';
import { invalid } from './fields.ts';

/** What holds for a broken answer where nobody says: a chat client cannot take back half a call of a tool. */
const WHEN_BROKEN: Record<Dialect, TurnPolicy['whenBroken']> = { responses: 'restart', chat: 'fail' };

const ON_DISCONNECT = ['run_on', 'cancel'] as const;
const WHEN_BUSY = ['wait', 'fork'] as const;
const WHEN_DOWN = ['fail', 'defer'] as const;
const WHEN_BROKEN_WORDS = ['restart', 'fail'] as const;

/** How a request wants its turn to meet trouble: by its own headers, its key, the configuration, the dialect. */
export function policyOf(headers: Headers, { policy }: Caller, dialect: Dialect): TurnPolicy {
  return {
    onDisconnect: word(headers, 'x-clawhold-on-disconnect', ON_DISCONNECT) ?? policy.onDisconnect,
    whenBusy: word(headers, 'x-clawhold-when-busy', WHEN_BUSY) ?? policy.whenBusy,
    whenDown: word(headers, 'x-clawhold-when-down', WHEN_DOWN) ?? policy.whenDown,
    whenBroken:
      word(headers, 'x-clawhold-when-broken', WHEN_BROKEN_WORDS) ?? policy.whenBroken ?? WHEN_BROKEN[dialect],
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
