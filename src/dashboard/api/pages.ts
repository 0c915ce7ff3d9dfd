import { useEffect, useState } from 'preact/hooks';
import { type ApiError, get } from './client.ts';

interface Page<Entry> {
  data: Entry[];
  next_cursor: string | null;
}

interface Pages<Entry> {
  entries?: Entry[];
  error?: ApiError;
  /** Fetches the next page; absent where there is none. */
  more?(): void;
}

interface State<Entry> extends Omit<Pages<Entry>, 'more'> {
  next?: string | null;
}

/**
 * The entries of a list, page by page. A new URL begins with its first page; a new `version` fetches the first page
 * again, unless further ones are shown.
 */
export function usePages<Entry>(url: string, version: unknown = 0): Pages<Entry> {
  const [state, setState] = useState<State<Entry>>({});
  const [count, setCount] = useState(1);
  useEffect(() => setCount(1), [url]);
  useEffect(() => {
    if (count > 1) return;
    const left = new AbortController();
    get<Page<Entry>>(url, left.signal).then(
      ({ data, next_cursor: next }) => setState({ entries: data, next }),
      (error: ApiError) => {
        if (!left.signal.aborted) setState({ error });
      },
    );
    return () => left.abort();
  }, [url, version, count]);
  const { next, entries = [] } = state;
  const more = async (cursor: string) => {
    setCount(count + 1);
    try {
      const page = await get<Page<Entry>>(withCursor(url, cursor));
      setState({ entries: [...entries, ...page.data], next: page.next_cursor });
    } catch (error) {
      setState({ ...state, error: error as ApiError });
    }
  };
  return { ...state, ...(next && { more: () => void more(next) }) };
}

function withCursor(url: string, cursor: string): string {
  const next = new URL(url);
  next.searchParams.set('cursor', cursor);
  return next.href;
}
