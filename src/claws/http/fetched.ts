import { type Chunk, end, type Post } from './transport.ts';

/** The part of `fetch` that requests need. */
export type Fetch = (url: string, init: BunFetchRequestInit) => Promise<Response>;

/** Sends requests with `fetch`, which knows proxies. */
export function fetched(fetch: Fetch): Post {
  return async ({ url, headers, body, signal, fresh }) => {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      signal,
      redirect: 'error',
      decompress: false,
      ...(fresh && { keepalive: false }),
    });
    return answerOf(response);
  };
}

export function answerOf(response: Response): Awaited<ReturnType<Post>> {
  const reader = response.body?.getReader();
  return {
    status: response.status,
    headers: response.headers,
    chunks: {
      read: () => (reader ? (reader.read() as Promise<Chunk>) : end()),
      cancel: () => void reader?.cancel().catch(() => {}),
    },
  };
}
