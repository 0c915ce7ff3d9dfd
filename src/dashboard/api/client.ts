import { signal } from '@preact/signals';

/** Calls of the management API. The browser adds the cookie of the sign-in. */

const BASE = new URL('../admin/v1/', document.baseURI);

/** Whether the browser is signed in; `undefined` until the gateway has said so. */
export const signedIn = signal<boolean | undefined>(undefined);

/** The tenant whose data is shown; empty: that of the root key. */
export const tenant = signal(localStorage.getItem('tenant') ?? '');

export type Query = Record<string, string | number | undefined>;

/** A failure that the gateway reported, or that kept a request from it. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The address of a path, with the query's values that are not empty. */
export function urlOf(path: string, query: Query = {}): string {
  const url = new URL(path, BASE);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  return url.href;
}

/** The same for data of the tenant that is shown. */
export const tenantUrl = (path: string, query: Query = {}): string =>
  urlOf(path, { tenant: tenant.value, ...query });

/** GETs JSON. Its type is the caller's knowledge of the path. */
export const get = <Reply>(url: string, gone?: AbortSignal): Promise<Reply> => call(url, { signal: gone });

/** Sends JSON and gets JSON. */
export const send = <Reply>(method: string, url: string, body?: unknown): Promise<Reply> =>
  call(url, {
    method,
    headers: { 'x-requested-with': 'dashboard', 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

async function call<Reply>(url: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(url, init).catch((cause: unknown) => {
    if (init.signal?.aborted) throw cause;
    throw new ApiError('unreachable', 'The gateway cannot be reached.');
  });
  if (response.ok) return (await response.json()) as Reply;
  const failure = await failureOf(response);
  if (response.status === 401 && signedIn.value) signedIn.value = false;
  throw failure;
}

async function failureOf(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    return new ApiError(error.code, error.message);
  } catch {
    return new ApiError('unreachable', `The gateway answered with ${response.status}.`);
  }
}
