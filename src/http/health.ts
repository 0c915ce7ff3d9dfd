import type { OpenRoute } from './exchange.ts';

export interface Health {
  /** False from the moment the gateway begins to shut down. */
  ready(): boolean;
  /** Resolves when the store answers. */
  probeStore(): Promise<unknown>;
}

/**
 * Liveness says that the process answers, and touches nothing else. Readiness adds whether traffic is
 * wanted and the store works. No probe calls a provider.
 */
export function healthRoutes(health: Health): OpenRoute[] {
  const alive = () => Response.json({ status: 'alive' });
  const ready = async () => {
    const store = await health.probeStore().then(
      () => 'ok',
      () => 'unavailable',
    );
    const accepting = health.ready();
    const ok = accepting && store === 'ok';
    const status = ok ? 'ready' : accepting ? 'degraded' : 'draining';
    return Response.json({ status, store }, { status: ok ? 200 : 503 });
  };
  return [
    { path: '/health', handle: ready },
    { path: '/health/readiness', handle: ready },
    { path: '/readyz', handle: ready },
    { path: '/health/liveliness', handle: alive },
    { path: '/livez', handle: alive },
  ];
}
