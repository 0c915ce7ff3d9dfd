import { asJson, type Json } from '../simulators/provider/shape.ts';

/**
 * Google's API names the model and the kind of the reply in the path. Tests that run over all dialects name them in
 * the body, as the other APIs do, and post to `GOOGLE_PATH`.
 */
export const GOOGLE_PATH = '/v1beta/models';

interface Request {
  path: string;
  init: RequestInit;
}

/** The request as Google's API has it; the same one for other paths. */
export function inGoogleForm(path: string, init: RequestInit): Request {
  if (path !== GOOGLE_PATH || typeof init.body !== 'string') return { path, init };
  const body = bodyIn(init.body);
  const { model = 'none', stream, ...rest } = body ?? {};
  const method = stream === true ? 'streamGenerateContent?alt=sse' : 'generateContent';
  const names = Array.isArray(model) ? model.map(String) : [String(model)];
  const models = [...names.slice(1), ...((rest.models as string[] | undefined) ?? [])];
  const headers = new Headers(init.headers);
  // Such a client gets the numbers of events.
  if (stream === true) headers.set('accept', 'text/event-stream');
  const sent = { ...rest, ...(models.length > 0 && { models }) };
  return {
    path: `${GOOGLE_PATH}/${names[0]}:${method}`,
    init: { ...init, headers, body: body ? JSON.stringify(sent) : init.body },
  };
}

function bodyIn(text: string): Json | undefined {
  try {
    return asJson(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Sends a request to a path of any dialect at `url`. */
export function fetchInForm(url: string, to: string, asked: RequestInit): Promise<Response> {
  const { path, init } = inGoogleForm(to, asked);
  return fetch(url + path, init);
}
