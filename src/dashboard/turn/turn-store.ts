import { useEffect, useState } from 'preact/hooks';
import { type ApiError, get, tenantUrl } from '../api/client.ts';
import type { Loaded } from '../api/load.ts';
import type { Turn } from '../api/types.ts';

/** Turns that were read lately. An ended turn does not change while one looks at it. */
const turns = new Map<string, Turn>();
const MOST_TURNS = 400;
/** A row that only passes by fetches nothing. */
const PAUSE_MS = 60;

function keep(url: string, turn: Turn): void {
  const [oldest] = turns.keys();
  if (turns.size >= MOST_TURNS && oldest !== undefined) turns.delete(oldest);
  turns.set(url, turn);
}

/** A turn that has ended, with its content. */
export function useTurn(id: string): Loaded<Turn> {
  const url = tenantUrl(`turns/${id}`);
  const [loaded, setLoaded] = useState<Loaded<Turn>>({});
  const known = turns.get(url);
  useEffect(() => {
    if (turns.has(url)) return;
    const left = new AbortController();
    const timer = setTimeout(() => {
      get<Turn>(url, left.signal).then(
        (data) => {
          keep(url, data);
          setLoaded({ data });
        },
        (error: ApiError) => {
          if (!left.signal.aborted) setLoaded({ error });
        },
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      left.abort();
    };
  }, [url]);
  return known ? { data: known } : loaded;
}
