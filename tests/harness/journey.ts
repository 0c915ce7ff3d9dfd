import OpenAI from 'openai';
import { type Provider, startProvider } from '../simulators/provider/provider.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';
import {
  fetchAnew,
  OTHER_KEY,
  type OwnGateway,
  ROOT_KEY,
  type TestGateway,
  type TestGatewayOptions,
  testGateway,
} from './gateway.ts';

/** A gateway with simulated providers and clients. */
export interface Journey {
  provider: Provider;
  gateway: OwnGateway;
  /** The real SDK. Its own retries are off. */
  client: OpenAI;
  /** The same, with the key of the other tenant. */
  otherClient: OpenAI;
  /** Stops the gateway and the provider. Further calls do nothing. */
  end(): Promise<void>;
}

export async function startJourney(options: Omit<TestGatewayOptions, 'provider'> = {}): Promise<Journey> {
  const provider = startProvider();
  const gateway = await testGateway({ ...options, provider: provider.url });
  let ended: Promise<void> | undefined;
  return {
    provider,
    gateway,
    client: sdk(gateway.url),
    otherClient: sdk(gateway.url, OTHER_KEY),
    end() {
      ended ??= gateway.stop().finally(() => provider.stop());
      return ended;
    },
  };
}

export function sdk(url: string, apiKey = ROOT_KEY): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0, fetch: fetchAnew });
}

/** Request options that name the session. */
export const inSession = (name: string) => ({ headers: { 'x-session-id': name } });

export interface ServerEvent {
  event?: string;
  data: Json;
}

/** The events of a finished stream. `done` says whether it ended with `[DONE]`, which is not among the events. */
export function serverEvents(text: string): { events: ServerEvent[]; done: boolean } {
  const blocks = text.split('\n\n').filter((block) => block !== '' && !block.startsWith(':'));
  const read = blocks.map((block) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    return { event: field('event'), data: field('data') ?? '' };
  });
  const events = read.filter(({ data }) => data !== '[DONE]');
  return {
    events: events.map(({ event, data }) => ({ event, data: asJson(JSON.parse(data)) })),
    done: read.at(-1)?.data === '[DONE]',
  };
}

/** The body as JSON of unknown shape. */
export async function json(response: Response | Promise<Response>): Promise<Json> {
  return asJson(await (await response).json());
}

/** The text of a chat completion. */
export function completionText(completion: unknown): string {
  return asText(asJson(asList(asJson(completion).choices)[0]?.message).content);
}

/** The text of a response's messages. */
export function responseText(response: unknown): string {
  return asList(asJson(response).output)
    .flatMap((item) => asList(item.content))
    .map((part) => asText(part.text) || asText(part.refusal))
    .join('');
}

/** The items of a session, oldest first: `user: …`, `assistant: …`, `function_call …`. */
export async function sessionLog(gateway: TestGateway, id: string): Promise<string[]> {
  const path = `/v1/conversations/${id}/items?order=asc&limit=100`;
  const items = asList((await json(gateway.fetch(path))).data);
  return items.map((item) => {
    if (item.type !== 'message') return `${asText(item.type)} ${asText(item.call_id)}`.trim();
    const parts = asList(item.content).map(
      (part) => asText(part.text) || asText(part.refusal) || `[${asText(part.type)}]`,
    );
    return `${asText(item.role)}: ${parts.join(' ')}`;
  });
}
