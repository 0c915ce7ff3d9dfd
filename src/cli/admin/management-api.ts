import type { Config } from '../../config/config.ts';
import { addressOf, normalise } from '../chat/connection.ts';
import { ownCommand } from '../own-command.ts';
import { keptRootKey } from '../root-key.ts';
import { loadSettings } from '../settings.ts';

/** Where the gateway is, as the command line says it. */
export interface TargetOptions {
  url?: string;
  key?: string;
}

/** The address of the gateway and the root key. */
export interface Target {
  address: string;
  key?: string;
}

/** The target of a command; the configuration says what the command line does not. */
export async function targetOf({ url, key }: TargetOptions): Promise<Target> {
  return url !== undefined && key !== undefined
    ? { address: normalise(url), key }
    : configured(await loadSettings(), { url, key });
}

/** The key in the data folder is sent only to the configured address, where its gateway is. */
function configured(config: Config, { url, key }: TargetOptions): Target {
  const usual = addressOf(config.host, config.port);
  const address = url === undefined ? usual : normalise(url);
  return {
    address,
    key: key ?? config.rootKey ?? (address === usual ? keptRootKey(config)?.key : undefined),
  };
}

export type Query = Record<string, string | undefined>;

/** A page of a list. */
export interface List<Entry> {
  data: Entry[];
  next_cursor: string | null;
}

/** The management API of a gateway, as every program sees it. */
export class ManagementApi {
  constructor(private readonly target: Target) {}

  async get<Body>(path: string, query: Query = {}): Promise<Body> {
    return (await (await this.call(path, query)).json()) as Body;
  }

  async send<Body>(
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    query: Query,
    body?: unknown,
  ): Promise<Body> {
    const init =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return (await (await this.call(path, query, { method, ...init })).json()) as Body;
  }

  /** The reply; throws the error of the gateway for people. */
  async call(path: string, query: Query = {}, init: RequestInit = {}): Promise<Response> {
    const { address, key } = this.target;
    if (key === undefined)
      throw new Error(
        `No root key was found. Set --key. This says where it is: ${ownCommand(process.env)('key')}`,
      );
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${key}`);
    const text = new URLSearchParams(
      Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined),
    ).toString();
    const url = `${address}/admin/v1/${path}${text === '' ? '' : `?${text}`}`;
    let response: Response;
    try {
      response = await fetch(url, { ...init, headers, redirect: 'error' });
    } catch (error) {
      const { code, name } = error as { code?: string; name: string };
      throw new Error(
        `No gateway answers at ${address} (${code ?? name}). Its address can be set with --url.`,
      );
    }
    if (response.ok) return response;
    const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } };
    throw new Error(
      body.error?.message ?? `${address} answered ${response.status}; it is no gateway, or an older one.`,
    );
  }

  /** All pages of a list, or as many entries as are asked for. */
  async list<Entry>(path: string, query: Query, most: number): Promise<List<Entry>> {
    const data: Entry[] = [];
    let cursor: string | undefined = query.cursor;
    for (;;) {
      const limit = String(Math.min(100, most - data.length));
      const page: List<Entry> = await this.get(path, { ...query, limit, cursor });
      data.push(...page.data);
      if (page.next_cursor === null || data.length >= most) return { data, next_cursor: page.next_cursor };
      cursor = page.next_cursor;
    }
  }
}

/** The events of a stream of server-sent events. */
export async function* sentEvents(response: Response): AsyncIterable<{ event: string; data: string }> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop()!;
    for (const block of blocks) {
      const event = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (event !== undefined && data !== undefined) yield { event, data };
    }
  }
}
