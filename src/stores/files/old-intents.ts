import { isObject } from '../../core/json.ts';
import type { ProtocolName } from '../../core/prompt.ts';
import type {
  Accepted,
  BranchPosition,
  Delivery,
  PlacedIntent,
  Retention,
  StateRef,
  WaitingIntent,
} from '../../core/turn.ts';
import type { JournaledIntent } from '../../session/journal.ts';

/** An intent as version 0.1 journaled it: fields that are the same today, and `plan` with what it took to run. */
interface OldIntent extends Omit<Accepted, 'vocabulary' | 'fallbacks' | 'extra' | 'state' | 'retention'> {
  parent: BranchPosition['parent'];
  standing: Omit<BranchPosition, 'parent'>;
  listed?: boolean;
  plan: OldPlan;
}

type Kept = 'policy' | 'key' | 'requestId' | 'fingerprint' | 'deferredUntil';

interface OldPlan extends Pick<Accepted, Kept> {
  fallbacks?: string[];
  extra?: Record<string, unknown>;
  stream: boolean;
  background: boolean;
  overflow?: Overflow;
  /** Kept for its idempotency key alone. */
  hidden?: boolean;
  /** What the turn builds on, while it has not got its session. */
  waitsFor?: StateRef;
}

const VOCABULARIES: Readonly<Record<string, ProtocolName>> = {
  chat: 'openai-chat',
  responses: 'openai-responses',
};

/** What older versions journaled for `context`. */
type Overflow = 'truncate' | 'error';

const contextOf = (overflow: Overflow | undefined) => ({
  defaultContext: overflow === 'error' ? ('full' as const) : ('truncate' as const),
});

/** An intent that was journaled before there were context policies, in the form of today. */
export function withContextPolicy(intent: JournaledIntent): JournaledIntent {
  if (intent.defaultContext !== undefined) return intent;
  const { overflow, ...known } = intent as JournaledIntent & { overflow?: Overflow };
  return { ...known, ...contextOf(overflow) };
}

/** An intent of version 0.1 in the form of today; `undefined` where it is not one. */
export function upgradeIntent(value: unknown): JournaledIntent | undefined {
  if (!isOldIntent(value)) return undefined;
  const { parent, standing, listed, plan, ...asked } = value;
  const { fallbacks, extra, stream, background, hidden, waitsFor, overflow, ...kept } = plan;
  const accepted = {
    ...asked,
    ...kept,
    vocabulary: VOCABULARIES[value.dialect]!,
    fallbacks: fallbacks ?? [],
    extra: extra ?? {},
    retention: retentionOf(hidden, listed),
    delivery: deliveryOf(stream, background),
    ...contextOf(overflow),
  };
  if (waitsFor) return { ...accepted, kind: 'waiting', state: waitsFor } satisfies WaitingIntent;
  const position = { parent, ...standing };
  return { ...accepted, kind: 'placed', state: { kind: 'none' }, position } satisfies PlacedIntent;
}

function retentionOf(hidden: boolean | undefined, listed: boolean | undefined): Retention {
  if (hidden) return 'key';
  return listed ? 'listed' : 'stored';
}

function deliveryOf(stream: boolean, background: boolean): Delivery {
  if (background) return stream ? 'background-stream' : 'background';
  return stream ? 'stream' : 'whole';
}

/** Looks at what the upgrade and a recovery cannot do without. */
function isOldIntent(value: unknown): value is OldIntent {
  if (!isObject(value)) return false;
  const { id, tenant, session, createdAt, dialect, model, input, settings, metadata, standing, plan } = value;
  return (
    [id, tenant, session, model].every((text) => typeof text === 'string') &&
    typeof createdAt === 'number' &&
    typeof dialect === 'string' &&
    dialect in VOCABULARIES &&
    Array.isArray(input) &&
    [settings, metadata, standing, plan].every(isObject) &&
    isObject((plan as Record<string, unknown>).policy)
  );
}
