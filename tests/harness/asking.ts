import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';
import { DIALECTS, type Dialect, FORMS, PATHS, question, textIn } from './dialects.ts';
import type { TestGateway } from './gateway.ts';
import { serverEvents } from './journey.ts';

/** One question in any dialect, streamed or not, and what its reply says about its routing. */

export const KINDS = DIALECTS.flatMap((dialect) => [false, true].map((stream) => [dialect, stream] as const));

export interface Reply {
  status: number;
  headers: Headers;
  /** `provider/model` of the answer, by the header of the reply. */
  by: string | null;
  /** `x-clawhold-route`. */
  route: string | null;
  text: string;
  /** The `error` of the reply, or of the stream. */
  error: Json | undefined;
  /** The calls that made the answer, as the reply lists them. */
  attempts: Json[];
  raw: string;
}

export type Ask = (body: Json, headers?: Record<string, string>) => Promise<Reply>;

/** Asks in one form. `body` has all but the question, which may be given as `content`. */
export const asking =
  (gateway: () => TestGateway, dialect: Dialect, stream: boolean): Ask =>
  async ({ content = 'Hello', ...body }, headers = {}) => {
    const input = question(dialect, content);
    const usage = dialect === 'chat' && stream ? { stream_options: { include_usage: true } } : {};
    const reply = await gateway().post(PATHS[dialect], { stream, ...usage, ...input, ...body }, headers);
    const raw = await reply.text();
    const isStream = reply.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const said = isStream ? saidInStream(dialect, raw) : saidInBody(dialect, raw);
    return {
      ...{ status: reply.status, headers: reply.headers, raw, ...said },
      by: reply.headers.get('x-clawhold-model-id'),
      route: reply.headers.get('x-clawhold-route'),
    };
  };

type Said = Pick<Reply, 'text' | 'error' | 'attempts'>;

function saidInBody(dialect: Dialect, raw: string): Said {
  const body = asJson(JSON.parse(raw));
  const error = FORMS[dialect].error(body);
  return { text: textIn(dialect, body), error, attempts: attemptsIn(body) };
}

function saidInStream(dialect: Dialect, raw: string): Said {
  const { events } = serverEvents(raw);
  const data = events.map((event) => event.data);
  if (dialect === 'chat') {
    const text = data.map((chunk) => asText(asJson(asJson(asList(chunk.choices)[0]).delta).content)).join('');
    const failed = data.find((chunk) => chunk.error);
    return { text, error: failed && asJson(failed.error), attempts: data.flatMap(attemptsIn) };
  }
  if (dialect === 'gemini') {
    const error = data.map(FORMS.gemini.error).find((found) => found !== undefined);
    return { text: data.map(FORMS.gemini.text).join(''), error, attempts: data.flatMap(attemptsIn) };
  }
  if (dialect === 'messages') {
    const text = data.map((event) => asText(asJson(event.delta).text)).join('');
    const error = data.map(FORMS.messages.error).find((found) => found !== undefined);
    return { text, error, attempts: data.flatMap(attemptsIn) };
  }
  if (dialect === 'interactions') {
    const text = data.map((event) => asText(asJson(event.delta).text)).join('');
    const error = data.map(FORMS.interactions.error).find((found) => found !== undefined);
    const ended = data.map(({ interaction }) => asJson(interaction ?? {}));
    return { text, error, attempts: ended.flatMap(attemptsIn) };
  }
  const last = asJson(data.at(-1)?.response);
  return {
    text: textIn(dialect, last),
    error: last.error ? asJson(last.error) : undefined,
    attempts: attemptsIn(last),
  };
}

const attemptsIn = (body: Json): Json[] => asList(asJson(body.clawhold).attempts);
