import { tenant, tenantUrl } from '../api/client.ts';
import { changes } from '../api/live.ts';
import { useLoaded } from '../api/load.ts';
import type { SessionDetail } from '../api/types.ts';
import { Failure } from '../parts/notice.tsx';
import { place, setQuery } from '../route.ts';
import { Conversation } from './conversation.tsx';
import { SessionHead } from './session-head.tsx';

/** One session: what it is, and what was said. */
export function SessionPage({ id }: { id: string }) {
  const { data, error } = useLoaded<SessionDetail>(
    tenantUrl(`sessions/${encodeURIComponent(id)}`),
    `${tenant.value} ${changes.value}`,
  );
  const turn = place.value.query.get('turn') ?? undefined;
  return (
    <div class="session-page">
      <div class="session-top">
        <Failure error={error} />
        {data && <SessionHead session={data} />}
      </div>
      <Conversation session={id} turn={turn} onWalk={(next) => setQuery({ turn: next })} />
    </div>
  );
}
