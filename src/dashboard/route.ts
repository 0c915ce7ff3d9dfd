import { signal } from '@preact/signals';

/** The page that the address names. Everything that a page can be asked to show is in its address. */
export interface Place {
  /** The path below `/dashboard/`, decoded, in segments. */
  path: readonly string[];
  query: URLSearchParams;
}

const BASE = new URL(document.baseURI).pathname;

function current(): Place {
  const rest = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : '';
  return {
    path: rest.split('/').filter(Boolean).map(decodeURIComponent),
    query: new URLSearchParams(location.search),
  };
}

export const place = signal(current());

/** An address below `/dashboard/`, for links; values that are empty are left out. */
export function hrefOf(path: readonly string[], query: Record<string, string | undefined> = {}): string {
  const filled = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  const search = new URLSearchParams(filled).toString();
  return `${BASE}${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
}

/** Goes to a page. `replace`: it takes the place of the present one in the history. */
export function go(href: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', href);
  else history.pushState(null, '', href);
  place.value = current();
}

/** Changes values of the page's query; an empty value removes its name. */
export function setQuery(values: Record<string, string | undefined>): void {
  const { path, query } = place.peek();
  go(hrefOf(path, { ...Object.fromEntries(query), ...values }), { replace: true });
}

/** Lets links to other pages of the dashboard change the page without a reload. */
export function followLinks(): void {
  addEventListener('popstate', () => {
    place.value = current();
  });
  document.addEventListener('click', (event) => {
    const isPlain =
      event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!isPlain || !link || link.target || link.hasAttribute('download')) return;
    if (link.origin !== location.origin || !`${link.pathname}/`.startsWith(BASE)) return;
    event.preventDefault();
    go(link.href);
    document.querySelector('main')?.focus({ preventScroll: true });
  });
}
