import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { type ApiError, get, tenantUrl } from '../api/client.ts';
import { asked, listen, returns } from '../api/live.ts';
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
  const changes = useChanges(found?.tree.session);
  const version = `${changes} ${returns.value} ${asked.value}`;
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

/** Events that come together are one change. */
const PAUSE_MS = 150;

/** Grows with the events of a session; with all events while the session is not known. */
function useChanges(session: string | undefined): number {
  const [changes, change] = useReducer((before: number) => before + 1, 0);
  const known = useRef(session);
  known.current = session;
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const leave = listen((event) => {
      const isOurs = 'session' in event && (known.current === undefined || event.session === known.current);
      if (isOurs || event.type === 'missed') timer ??= setTimeout(show, PAUSE_MS);
    });
    const show = () => {
      timer = undefined;
      change(undefined);
    };
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, []);
  return changes;
}

/** The running turns are read first: a turn that ends meanwhile is in the tree. */
async function read(url: string, gone: AbortSignal): Promise<Found> {
  const { data } = await get<RunningTurnList>(tenantUrl('turns/running'), gone);
  const tree = await get<Tree>(url, gone);
  return { tree, running: data.filter((one) => one.session === tree.session) };
}
