import { originOf } from './origin.ts';
import type { Route } from './route.ts';

/**
 * `/`, for people who open the gateway in a browser, and for clients that are configured without `/v1`. It
 * needs no key and reveals nothing about tenants, providers or versions.
 */
export const WELCOME: Route = {
  method: 'GET',
  path: '/',
  access: 'open',
  doc: {
    what: 'A page for people, or the base URL as JSON.',
    replies: [{ status: 200, form: 'text' }],
  },
  handle(request) {
    const baseUrl = `${originOf(request)}/v1`;
    return /\btext\/html\b/i.test(request.headers.get('accept') ?? '')
      ? new Response(page(baseUrl), { headers: { ...HEADERS, ...PAGE_HEADERS } })
      : Response.json(
          {
            message: `This is Clawhold, a gateway with the API of OpenAI. Its base URL is ${baseUrl}; requests need a key.`,
            base_url: baseUrl,
          },
          { headers: HEADERS },
        );
  },
};

/** The reply contains request headers, so a cache must not give it to another visitor. */
const HEADERS = { 'cache-control': 'no-store', vary: 'accept', 'x-content-type-options': 'nosniff' };

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
};

function page(baseUrl: string): string {
  const url = Bun.escapeHTML(baseUrl);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>Clawhold</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>Clawhold</h1>
<p class="lead">This is a gateway to language models. It has the API of OpenAI, and keeps conversations in sessions.</p>
<h2>Base URL</h2>
<pre><code>${url}</code></pre>
<p>Use it in any client or SDK for OpenAI’s API. Every request needs a key: ask the person who runs this gateway.</p>
<h2>Try it</h2>
<pre><code>export CLAWHOLD_ROOT_KEY=…   # your key

curl ${url}/chat/completions \\
  -H "authorization: Bearer $CLAWHOLD_ROOT_KEY" \\
  -H 'content-type: application/json' \\
  -H 'x-session-id: trip' \\
  -d '{"model": "local/recall", "messages":
       [{"role": "user", "content": "My name is Ada."}]}'</code></pre>
<p>Ask <code>What is my name?</code> next, with the same <code>x-session-id</code>: the gateway adds the earlier messages. This lists the models that you can call:</p>
<pre><code>curl ${url}/models \\
  -H "authorization: Bearer $CLAWHOLD_ROOT_KEY"</code></pre>
<h2>With an SDK</h2>
<pre><code>from openai import OpenAI
client = OpenAI(base_url="${url}", api_key="…")</code></pre>
<p><a href="https://github.com/openai/openai-python">Python</a> · <a href="https://github.com/openai/openai-node">TypeScript</a> · <a href="health">Is this gateway healthy?</a> · <a href="dashboard">Dashboard</a></p>
</main>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --text: #1d2129; --soft: #5a6270; --back: #fff; --code: #f3f4f6; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e8ec; --soft: #a3abb8; --back: #14161a; --code: #1f2329; --link: #7db8f5; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 1rem/1.55 system-ui, sans-serif; }
main { max-width: 44rem; margin: 0 auto; padding: 3rem 1.25rem; }
h1 { margin: 0; font-size: 2rem; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
.lead { margin: .25rem 0 0; color: var(--soft); font-size: 1.1rem; }
pre { margin: .5rem 0; padding: .9rem 1rem; overflow-x: auto; background: var(--code); border-radius: .5rem; }
code { font: .9rem/1.5 ui-monospace, monospace; }
p code { padding: .1rem .3rem; white-space: nowrap; background: var(--code); border-radius: .25rem; }
a { color: var(--link); }
`;
