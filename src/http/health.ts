import type { Route } from './route.ts';

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
export function healthRoutes(health: Health): Route[] {
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
  const probe = (path: string, handle: () => Response | Promise<Response>): Route => ({
    method: 'GET',
    path,
    access: 'open',
    handle,
  });
  return [
    probe('/health', ready),
    probe('/health/readiness', ready),
    probe('/readyz', ready),
    probe('/health/liveliness', alive),
    probe('/livez', alive),
  ];
}
