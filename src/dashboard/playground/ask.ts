import { send, tenantUrl } from '../api/client.ts';
import type { Asked, SessionDetail } from '../api/types.ts';

/** Where the playground is, as its address says it; empty where there is none. */
export interface Places {
  session: string;
  /** The second conversation. */
  beside: string;
  model: string;
  second: string;
  /** The turn after which the next message comes. */
  turn: string;
}

/**
 * Asks the model, or both. A turn that was chosen, and a comparison that begins, work on copies of the session: the
 * session itself stays as it is.
 */
export async function askBoth(places: Places, input: string): Promise<Places> {
  const { session, beside, model, second, turn } = places;
  if (second === '') {
    const own = turn === '' ? session || newName() : await copyOf(session, turn);
    const asked = await ask(own, model, input);
    return { ...places, session: asked.session, beside: '', turn: '' };
  }
  const isBegun = beside !== '' && turn === '';
  const [first, other] = isBegun
    ? [session, beside]
    : await Promise.all([copyOrNew(session, turn), copyOrNew(session, turn)]);
  const [one, two] = await Promise.all([ask(first, model, input), ask(other, second, input)]);
  return { ...places, session: one.session, beside: two.session, turn: '' };
}

const ask = (session: string, model: string, input: string): Promise<Asked> =>
  send('POST', tenantUrl('turns'), { session, model, input });

const copyOrNew = async (session: string, turn: string): Promise<string> =>
  session === '' ? newName() : copyOf(session, turn);

async function copyOf(session: string, turn: string): Promise<string> {
  const url = tenantUrl(`sessions/${encodeURIComponent(session)}/fork`);
  return (await send<SessionDetail>('POST', url, turn === '' ? {} : { turn })).id;
}

const newName = (): string =>
  `playground-${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;
