import { newTurnId } from '../core/ids.ts';
import type { Caller, Intent } from '../core/turn.ts';
import type { Resumed } from '../session/sessions.ts';
import type { Ask } from './ask.ts';
import { NOWHERE, standingOf } from './standing.ts';

/** What the turn is about to do, with all its content (`slimIntent` makes the stored form). */
export function intentOf(ask: Ask, caller: Caller, resumed: Resumed, createdAt: number): Intent {
  return {
    id: newTurnId(resumed.id, createdAt),
    tenant: caller.tenant,
    session: resumed.id,
    parent: resumed.parent,
    createdAt,
    dialect: ask.dialect,
    model: ask.model,
    input: resumed.input,
    instructions: ask.instructions,
    settings: ask.settings,
    echo: ask.echo,
    listed: ask.listed,
    metadata: ask.metadata,
    inputNatives: nativesOf(ask, resumed),
    standing: ask.keep ? standingOf(resumed) : NOWHERE,
  };
}

/** Natives are numbered by the caller's items; what was left out or mended before the rest shifts them. */
export function nativesOf(ask: Ask, { input }: Resumed): Record<number, unknown> | undefined {
  if (!ask.natives || ask.items === input) return ask.natives;
  const { natives, items } = ask;
  const moved = input.flatMap((item, index) => {
    const native = natives[items.indexOf(item)];
    return native === undefined ? [] : [[index, native] as const];
  });
  return moved.length > 0 ? Object.fromEntries(moved) : undefined;
}
