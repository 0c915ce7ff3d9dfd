import type { TurnId } from '../core/ids.ts';
import type { Caller, Intent, Plan } from '../core/turn.ts';
import type { Resumed } from '../session/sessions.ts';
import type { Ask } from './ask.ts';
import { NOWHERE, standingOf } from './standing.ts';

/** A turn before it has come to its session. */
export interface Accepted {
  id: TurnId;
  session: Intent['session'];
  createdAt: number;
  /** Milliseconds since the epoch. */
  deferredUntil?: number;
  /** Of the request. */
  fingerprint?: string;
}

/** What a turn is about to do, before it has come to its session: enough to answer for it and to run it later. */
export function waitingIntent(ask: Ask, caller: Caller, accepted: Accepted): Intent {
  const plan = { ...planOf(ask, caller, accepted), waitsFor: ask.state };
  return {
    ...askedOf(ask, caller, accepted),
    parent: null,
    input: ask.items,
    inputNatives: ask.natives,
    standing: standingOf({ branch: [], input: ask.items }),
    plan,
  };
}

/** What a turn is about to do, with all its content (`slimIntent` makes the stored form). */
export function intentOf(ask: Ask, caller: Caller, accepted: Accepted, resumed: Resumed): Intent {
  return {
    ...askedOf(ask, caller, accepted),
    parent: resumed.parent,
    input: resumed.input,
    inputNatives: nativesOf(ask, resumed),
    standing: ask.keep ? standingOf(resumed) : NOWHERE,
    plan: planOf(ask, caller, accepted),
  };
}

function askedOf(ask: Ask, caller: Caller, { id, session, createdAt }: Accepted) {
  return {
    id,
    tenant: caller.tenant,
    session,
    createdAt,
    dialect: ask.dialect,
    model: ask.model,
    instructions: ask.instructions,
    settings: ask.settings,
    echo: ask.echo,
    listed: ask.listed,
    metadata: ask.metadata,
  };
}

function planOf(ask: Ask, caller: Caller, { deferredUntil, fingerprint }: Accepted): Plan {
  return {
    fallbacks: ask.fallbacks.length > 0 ? ask.fallbacks : undefined,
    extra: Object.keys(ask.extra).length > 0 ? ask.extra : undefined,
    stream: ask.stream,
    background: ask.background,
    overflow: ask.overflow,
    policy: ask.policy,
    key: caller.key,
    requestId: caller.requestId,
    hidden: ask.shown ? undefined : true,
    fingerprint,
    deferredUntil,
  };
}

/** The request of a journaled turn, and in whose name it was made. */
export function askOf(intent: Intent, plan: Plan): { ask: Ask; caller: Caller } {
  const { tenant, dialect, instructions, settings, echo, metadata } = intent;
  const { stream, background, overflow, policy, key, requestId } = plan;
  const ask: Ask = {
    dialect,
    model: intent.model!,
    fallbacks: plan.fallbacks ?? [],
    items: intent.input,
    natives: intent.inputNatives,
    instructions,
    settings,
    extra: plan.extra ?? {},
    echo,
    metadata,
    state: plan.waitsFor ?? { kind: 'none' },
    keep: true,
    shown: !plan.hidden,
    listed: intent.listed ?? false,
    stream,
    background,
    overflow,
    policy,
  };
  return { ask, caller: { tenant, key, policy, requestId } };
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
