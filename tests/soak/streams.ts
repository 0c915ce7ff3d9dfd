import { fetchAnew, ROOT_KEY } from '../harness/gateway.ts';

/** The gateway and the label of one stream. */
export interface Target {
  url: string;
  /** Unique for every stream. */
  label: string;
}

/** One way to use a stream. Rejects if the gateway behaves wrongly. */
export interface Kind {
  name: string;
  run(target: Target): Promise<void>;
}

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';

function ask(
  target: Target,
  path: string,
  model: string,
  {
    headers = {},
    signal,
    ...fields
  }: { headers?: Record<string, string>; signal?: AbortSignal; [field: string]: unknown },
): Promise<Response> {
  const input =
    path === CHAT ? { messages: [{ role: 'user', content: target.label }] } : { input: target.label };
  return fetchAnew(target.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${ROOT_KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: `openai/${model}`, stream: true, ...input, ...fields }),
    signal,
  });
}

const get = (target: Target, path: string, signal?: AbortSignal): Promise<Response> =>
  fetchAnew(target.url + path, { headers: { authorization: `Bearer ${ROOT_KEY}` }, signal });

/** Reads `events` events, or to the end, then disconnects. Resolves to the number of the last event. */
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

/** Disconnects from a stream after a few events. */
async function abort(target: Target, path: string, fields: Record<string, unknown>): Promise<void> {
  const controller = new AbortController();
  await read(
    await ask(target, path, 'say-12+pace-1', { ...fields, signal: controller.signal }),
    controller,
    4,
  );
}

/** Runs in a new session and deletes it at the end, because the memory of sessions in use is not measured here. */
async function inSession(
  target: Target,
  run: (headers: Record<string, string>) => Promise<void>,
): Promise<void> {
  await run({ 'x-session-id': target.label });
  const path = `${target.url}/v1/conversations/${target.label}`;
  const { status } = await fetchAnew(path, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ROOT_KEY}` },
  });
  if (status !== 200) throw new Error(`${status} for a session that should be there`);
}

/** Disconnects from a stream. Then several readers resume it to its end. */
async function resume(target: Target, readers: number): Promise<void> {
  const controller = new AbortController();
  const first = await ask(target, RESPONSES, 'say-12+pace-1', { signal: controller.signal });
  const id = turnOf(first);
  const seen = await read(first, controller, 4);
  const ends = await Promise.all(
    Array.from({ length: readers }, async () =>
      read(await get(target, `${RESPONSES}/${id}?stream=true&starting_after=${seen}`), new AbortController()),
    ),
  );
  // If the first reader had read all events, there is nothing more to read (-1).
  if (ends.some((end) => end !== ends[0] || (end <= seen && end !== -1)))
    throw new Error(`resumed to ${ends} after ${seen}`);
}

async function cancel(target: Target): Promise<void> {
  const controller = new AbortController();
  const response = await ask(target, RESPONSES, 'say-400+pace-5', { signal: controller.signal });
  const path = `${target.url}${RESPONSES}/${turnOf(response)}/cancel`;
  const cancelled = await fetchAnew(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${ROOT_KEY}` },
  });
  if (cancelled.status !== 200) throw new Error(`${cancelled.status} ${await cancelled.text()}`);
  await read(response, controller);
}

async function background(target: Target): Promise<void> {
  const response = await ask(target, RESPONSES, 'say-8', { stream: false, background: true });
  const { id } = (await response.json()) as { id: string };
  await read(await get(target, `${RESPONSES}/${id}?stream=true`), new AbortController());
}

/** Sends the same request twice at the same time, and once more later. */
async function repeat(target: Target): Promise<void> {
  const headers = { 'idempotency-key': target.label };
  const send = async () => {
    const response = await ask(target, CHAT, 'say-6+pace-1', { headers });
    return read(response, new AbortController());
  };
  const ends = [...(await Promise.all([send(), send()])), await send()];
  if (new Set(ends).size !== 1) throw new Error(`repeated to ${ends}`);
}

const readAll = async (
  target: Target,
  model: string,
  fields: Record<string, unknown> = {},
): Promise<void> => {
  await read(await ask(target, RESPONSES, model, fields), new AbortController());
};

export const STREAMS: readonly Kind[] = [
  {
    name: 'aborted, in a session',
    run: (target) => inSession(target, (headers) => abort(target, CHAT, { headers })),
  },
  { name: 'aborted, chat without a session', run: (target) => abort(target, CHAT, {}) },
  { name: 'aborted, not stored', run: (target) => abort(target, RESPONSES, { store: false }) },
  {
    name: 'aborted, to be cancelled',
    run: (target) => abort(target, RESPONSES, { headers: { 'x-clawhold-on-disconnect': 'cancel' } }),
  },
  { name: 'resumed', run: (target) => resume(target, 1) },
  { name: 'resumed by three', run: (target) => resume(target, 3) },
  { name: 'cancelled', run: cancel },
  { name: 'in the background', run: background },
  { name: 'repeated', run: repeat },
  { name: 'rescued', run: (target) => readAll(target, `say-8+once-cut-3+${target.label}`) },
  { name: 'timed out', run: (target) => readAll(target, `say-8+once-stall-2+${target.label}`) },
  {
    name: 'read to the end, in a session',
    run: (target) => inSession(target, (headers) => readAll(target, 'say-8', { headers })),
  },
];
