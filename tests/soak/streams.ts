import { ROOT_KEY } from '../harness/gateway.ts';

/** Where a stream is asked for. */
export interface Site {
  url: string;
  /** New for every stream. */
  label: string;
}

/** One way to treat a stream. Throws where the gateway does not do its part. */
export interface Kind {
  name: string;
  run(site: Site): Promise<void>;
}

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';

function ask(
  site: Site,
  path: string,
  model: string,
  {
    headers = {},
    signal,
    ...fields
  }: { headers?: Record<string, string>; signal?: AbortSignal; [field: string]: unknown },
): Promise<Response> {
  const said = path === CHAT ? { messages: [{ role: 'user', content: site.label }] } : { input: site.label };
  return fetch(site.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${ROOT_KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: `openai/${model}`, stream: true, ...said, ...fields }),
    signal,
  });
}

const get = (site: Site, path: string, signal?: AbortSignal): Promise<Response> =>
  fetch(site.url + path, { headers: { authorization: `Bearer ${ROOT_KEY}` }, signal });

/** Reads until there are so many events, or to the end; then leaves. Returns the number of the last one. */
async function read(
  response: Response,
  controller: AbortController,
  events = Number.POSITIVE_INFINITY,
): Promise<number> {
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  let text = '';
  try {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.split('\n\n').length > events) {
        controller.abort();
        break;
      }
    }
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  }
  return Number([...text.matchAll(/^id: (\d+)$/gm)].at(-1)?.[1] ?? -1);
}

const turnOf = (response: Response): string => response.headers.get('x-clawhold-response-id')!;

/** A stream that its client leaves after a few events. */
async function abort(site: Site, path: string, fields: Record<string, unknown>): Promise<void> {
  const controller = new AbortController();
  await read(await ask(site, path, 'say-12+pace-1', { ...fields, signal: controller.signal }), controller, 4);
}

/** A session of its own, deleted at the end: what is kept of sessions in use is not what is measured. */
async function inSession(
  site: Site,
  talk: (headers: Record<string, string>) => Promise<void>,
): Promise<void> {
  await talk({ 'x-session-id': site.label });
  const path = `${site.url}/v1/conversations/${site.label}`;
  const { status } = await fetch(path, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ROOT_KEY}` },
  });
  if (status !== 200) throw new Error(`${status} for a session that should be there`);
}

/** A stream that is left and read on by several, until its end. */
async function resume(site: Site, readers: number): Promise<void> {
  const controller = new AbortController();
  const first = await ask(site, RESPONSES, 'say-12+pace-1', { signal: controller.signal });
  const id = turnOf(first);
  const seen = await read(first, controller, 4);
  const ends = await Promise.all(
    Array.from({ length: readers }, async () =>
      read(await get(site, `${RESPONSES}/${id}?stream=true&starting_after=${seen}`), new AbortController()),
    ),
  );
  // Where the first reader had all of it already, nothing is left to read.
  if (ends.some((end) => end !== ends[0] || (end <= seen && end !== -1)))
    throw new Error(`resumed to ${ends} after ${seen}`);
}

async function cancel(site: Site): Promise<void> {
  const controller = new AbortController();
  const response = await ask(site, RESPONSES, 'say-400+pace-5', { signal: controller.signal });
  const path = `${site.url}${RESPONSES}/${turnOf(response)}/cancel`;
  const cancelled = await fetch(path, { method: 'POST', headers: { authorization: `Bearer ${ROOT_KEY}` } });
  if (cancelled.status !== 200) throw new Error(`${cancelled.status} ${await cancelled.text()}`);
  await read(response, controller);
}

async function background(site: Site): Promise<void> {
  const response = await ask(site, RESPONSES, 'say-8', { stream: false, background: true });
  const { id } = (await response.json()) as { id: string };
  await read(await get(site, `${RESPONSES}/${id}?stream=true`), new AbortController());
}

/** The same request twice at a time, and once more. */
async function repeat(site: Site): Promise<void> {
  const headers = { 'idempotency-key': site.label };
  const send = async () => {
    const response = await ask(site, CHAT, 'say-6+pace-1', { headers });
    return read(response, new AbortController());
  };
  const ends = [...(await Promise.all([send(), send()])), await send()];
  if (new Set(ends).size !== 1) throw new Error(`repeated to ${ends}`);
}

const whole = async (site: Site, model: string, fields: Record<string, unknown> = {}): Promise<void> => {
  await read(await ask(site, RESPONSES, model, fields), new AbortController());
};

export const STREAMS: readonly Kind[] = [
  {
    name: 'aborted, in a session',
    run: (site) => inSession(site, (headers) => abort(site, CHAT, { headers })),
  },
  { name: 'aborted, kept nowhere', run: (site) => abort(site, CHAT, {}) },
  { name: 'aborted, not stored', run: (site) => abort(site, RESPONSES, { store: false }) },
  {
    name: 'aborted, to be cancelled',
    run: (site) => abort(site, RESPONSES, { headers: { 'x-clawhold-on-disconnect': 'cancel' } }),
  },
  { name: 'resumed', run: (site) => resume(site, 1) },
  { name: 'resumed by three', run: (site) => resume(site, 3) },
  { name: 'cancelled', run: cancel },
  { name: 'in the background', run: background },
  { name: 'repeated', run: repeat },
  { name: 'rescued', run: (site) => whole(site, `say-8+once-cut-3+${site.label}`) },
  { name: 'timed out', run: (site) => whole(site, `say-8+once-stall-2+${site.label}`) },
  {
    name: 'whole, in a session',
    run: (site) => inSession(site, (headers) => whole(site, 'say-8', { headers })),
  },
];
