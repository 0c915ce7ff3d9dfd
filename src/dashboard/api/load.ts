import { useEffect, useState } from 'preact/hooks';
import { type ApiError, get } from './client.ts';

/** What a page has of a reply. While it is fetched again, the earlier one is shown. */
export interface Loaded<Reply> {
  data?: Reply;
  error?: ApiError;
}

/**
 * Fetches a URL, and again whenever the URL or `version` changes. A new URL's reply replaces the earlier one when
 * it is there; `undefined` fetches nothing.
 */
export function useLoaded<Reply>(url: string | undefined, version: unknown = 0): Loaded<Reply> {
  const [loaded, setLoaded] = useState<Loaded<Reply>>({});
  useEffect(() => {
    if (url === undefined) return;
    const left = new AbortController();
    get<Reply>(url, left.signal).then(
      (data) => setLoaded({ data }),
      (error: ApiError) => {
        if (!left.signal.aborted) setLoaded(({ data }) => ({ data, error }));
      },
    );
    return () => left.abort();
  }, [url, version]);
  return loaded;
}
