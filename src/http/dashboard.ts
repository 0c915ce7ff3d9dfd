import { prefixOf } from './origin.ts';
import type { Route } from './route.ts';

/** One file of the dashboard. Its name has the hash of its content. */
export interface DashboardFile {
  name: string;
  /** `content-type`. */
  type: string;
  bytes: Uint8Array<ArrayBuffer>;
  gzip: Uint8Array<ArrayBuffer>;
}

/** The dashboard's files: one script and one style sheet. They hold no data, and are the same for everybody. */
export type DashboardFiles = () => Promise<readonly DashboardFile[]>;

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const SAFETY = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

const PAGE_HEADERS = {
  ...SAFETY,
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': POLICY,
  // A new version of the gateway has other files.
  'cache-control': 'no-cache',
  vary: 'x-forwarded-prefix',
};

/**
 * The dashboard: one page that shows what the management API says. Its files need no key; what it shows does.
 */
export function dashboardRoutes(files: DashboardFiles): Route[] {
  const access = 'open';
  const page = async (request: Request) => {
    const names = (await files()).map(({ name }) => name);
    return new Response(pageOf(names, prefixOf(request)), { headers: PAGE_HEADERS });
  };
  return [
    { method: 'GET', path: '/dashboard', access, handle: page },
    { method: 'GET', path: '/dashboard/assets/*', access, handle: asset(files) },
    { method: 'GET', path: '/dashboard/*', access, handle: page },
  ];
}

const asset = (files: DashboardFiles) => async (request: Request) => {
  const name = new URL(request.url).pathname.slice('/dashboard/assets/'.length);
  const file = (await files()).find((one) => one.name === name);
  if (!file) return new Response(null, { status: 404, headers: SAFETY });
  const isZipped = /\bgzip\b/.test(request.headers.get('accept-encoding') ?? '');
  return new Response(isZipped ? file.gzip : file.bytes, {
    headers: {
      ...SAFETY,
      'content-type': file.type,
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
      ...(isZipped && { 'content-encoding': 'gzip' }),
    },
  });
};

function pageOf(names: readonly string[], prefix: string): string {
  const tags = names.map((name) => {
    const path = `assets/${name}`;
    if (name.endsWith('.css')) return `<link rel="stylesheet" href="${path}">`;
    if (name.endsWith('.js')) return `<script type="module" src="${path}"></script>`;
    return `<link rel="icon" type="image/svg+xml" href="${path}">`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Clawhold</title>
<base href="${Bun.escapeHTML(prefix)}/dashboard/">
${tags.join('\n')}
</head>
<body><div id="app"></div><noscript>The dashboard needs JavaScript.</noscript></body>
</html>
`;
}
