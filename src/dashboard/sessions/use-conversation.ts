import { useEffect, useMemo, useState } from 'preact/hooks';
import { type ApiError, get, tenantUrl } from '../api/client.ts';
import { changes } from '../api/live.ts';
import type { RunningTurn, RunningTurnList, Tree } from '../api/types.ts';
import { Branches } from './branch.ts';

interface Conversation {
  branches?: Branches;
  /** The session's turns that have not ended. */
  running: readonly RunningTurn[];
  error?: ApiError;
}

interface Found {
  tree: Tree;
  running: readonly RunningTurn[];
}

/** The turns of a session, ended and running, as they are now. */
export function useConversation(session: string): Conversation {
  const [found, setFound] = useState<Found>();
  const [error, setError] = useState<ApiError>();
  const url = tenantUrl(`sessions/${encodeURIComponent(session)}/tree`);
  const version = changes.value;
  useEffect(() => {
    const left = new AbortController();
    read(url, left.signal).then(
      (now) => {
        setFound(now);
        setError(undefined);
      },
      (failure: ApiError) => {
        if (!left.signal.aborted) setError(failure);
      },
    );
    return () => left.abort();
  }, [url, version]);
  const branches = useMemo(() => found && new Branches(found.tree), [found]);
  const running = branches ? found!.running.filter(({ id }) => !branches.has(id)) : [];
  return { branches, running, error };
}

/** The running turns are read first: a turn that ends meanwhile is in the tree. */
async function read(url: string, gone: AbortSignal): Promise<Found> {
  const { data } = await get<RunningTurnList>(tenantUrl('turns/running'), gone);
  const tree = await get<Tree>(url, gone);
  return { tree, running: data.filter((one) => one.session === tree.session) };
}
