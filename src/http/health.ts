import { json, type RouteDoc } from './published.ts';
import type { Route } from './route.ts';
import { Liveness, Readiness } from './v1/replies.ts';

/** What the health routes report. */
export interface Health {
  /** False from the moment the gateway begins to shut down. */
  ready(): boolean;
  /** Resolves when the store can be read and written; rejects with the reason why it cannot. */
  probeStore(): Promise<unknown>;
  /** The claws that are called less because they failed. */
  failingClaws(): readonly FailingClaw[];
}

/** Only the provider's name is shown: names of models may be private, and probes need no key. */
export interface FailingClaw {
  name: string;
  state: 'open' | 'half-open';
}

/**
 * Liveness says that the process answers, and touches nothing else. Readiness adds whether traffic is
 * wanted and the store works, and what is wrong with it. Failing claws are named and change no status: others
 * may answer. No probe calls a provider.
 */
export function healthRoutes(health: Health): Route[] {
  const alive = () => Response.json({ status: 'alive' });
  const ready = async () => {
    const problem = await health.probeStore().then(() => undefined, problemOf);
    const accepting = health.ready();
    const ok = accepting && !problem;
    const status = ok ? 'ready' : accepting ? 'degraded' : 'draining';
    const store = problem ? 'unavailable' : 'ok';
    const failing = health.failingClaws();
    const claws = failing.length > 0 ? failing : undefined;
    return Response.json({ status, store, problem, claws }, { status: ok ? 200 : 503 });
  };
  const probe = (path: string, handle: () => Response | Promise<Response>): Route => ({
    method: 'GET',
    path,
    access: 'open',
    doc: handle === alive ? ALIVE : READY,
    handle,
  });
  return [
    probe('/health', ready),
    probe('/healthz', ready),
    probe('/health/readiness', ready),
    probe('/readyz', ready),
    probe('/health/liveness', alive),
    // LiteLLM spells it this way.
    probe('/health/liveliness', alive),
    probe('/livez', alive),
  ];
}

const ALIVE: RouteDoc = { what: 'Says that the process answers.', replies: [json(Liveness)] };
const READY: RouteDoc = {
  what: 'Says whether the gateway takes requests and its store works.',
  replies: [json(Readiness), json(Readiness, 503)],
};

/** Probes need no key, so the reason is told without paths. */
function problemOf(error: unknown): string {
  const reason = error instanceof Error ? error.message : '';
  if (/ENOSPC|EDQUOT|disk is full/.test(reason)) return 'The disk is full.';
  if (/EROFS|EACCES|EPERM|readonly/.test(reason)) return 'The data folder cannot be written.';
  if (/is damaged/.test(reason)) return 'The database is damaged.';
  return 'The store does not answer.';
}
