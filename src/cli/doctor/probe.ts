import type { ProviderOn } from '../../claws/find-providers.ts';
import { codeOfStatus } from '../../claws/status.ts';
import type { ErrorCode } from '../../core/error-catalogue.ts';
import type { ProtocolName } from '../../core/prompt.ts';
import { type CheckedConnection, connectionsOf } from './connections.ts';
import type { Finding } from './finding.ts';

const PROBE_MS = 10_000;

/** Asks each connection of every provider for its list of models. This is free and shows whether the address and the key work. */
export function probeProviders(on: readonly ProviderOn[], timeoutMs = PROBE_MS): Promise<Finding[]> {
  return Promise.all(on.flatMap(connectionsOf).map((found) => probe(found, timeoutMs)));
}

async function probe(found: CheckedConnection, timeoutMs: number): Promise<Finding> {
  const startedAt = performance.now();
  const { url, headers } = modelListRequest(found);
  try {
    const response = await fetch(url, {
      headers,
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'manual',
    });
    const ms = Math.round(performance.now() - startedAt);
    const text = await response.text();
    return response.ok ? readModelList(found, text, ms) : rejected(found, response.status, text);
  } catch (error) {
    return unreachable(found, error, timeoutMs);
  }
}

function modelListRequest({ protocols: [protocol], provider }: CheckedConnection): {
  url: string;
  headers: Record<string, string>;
} {
  const { baseUrl, apiKey } = provider;
  return { url: baseUrl + PATHS[protocol](baseUrl), headers: apiKey ? KEY_HEADERS[protocol](apiKey) : {} };
}

const openaiHeaders = (key: string) => ({ authorization: `Bearer ${key}` });

const PATHS: Record<ProtocolName, (baseUrl: string) => string> = {
  'openai-chat': () => '/models',
  'openai-responses': () => '/models',
  anthropic: () => '/v1/models',
  gemini: (baseUrl) => (/\/v\d\w*(\/|$)/.test(baseUrl) ? '/models' : '/v1beta/models'),
  local: () => '/models',
};

const KEY_HEADERS: Record<ProtocolName, (key: string) => Record<string, string>> = {
  'openai-chat': openaiHeaders,
  'openai-responses': openaiHeaders,
  anthropic: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
  gemini: (key) => ({ 'x-goog-api-key': key }),
  local: openaiHeaders,
};

function readModelList({ subject }: CheckedConnection, text: string, ms: number): Finding {
  try {
    const body = JSON.parse(text) as { data?: unknown; models?: unknown };
    const list = Array.isArray(body) ? body : (body.data ?? body.models);
    if (Array.isArray(list))
      return { level: 'ok', subject, message: `answers in ${ms} ms, ${list.length} models` };
  } catch {
    // Not JSON: reported below.
  }
  return {
    level: 'warn',
    subject,
    message: 'answers, but not with a list of models',
    remedy: 'Check the base URL: it may lead to a web page and not to the API.',
  };
}

const REMEDIES: Partial<Record<ErrorCode, (key: string) => string>> = {
  provider_auth_failed: (key) => `The provider rejects the key. Set ${key} to a valid key.`,
  quota_exceeded: () => 'The account has no credit left. Add credit at the provider.',
  rate_limited: () => 'The key works, but there were too many requests. Try again in a minute.',
  provider_overloaded: () => 'The provider is overloaded. Try again in a minute.',
  provider_timeout: () => 'The provider is too slow now. Try again.',
};

const TEMPORARY: readonly ErrorCode[] = ['rate_limited', 'provider_overloaded'];

function rejected(found: CheckedConnection, status: number, text: string): Finding {
  const { id, subject, keyFrom, baseUrlFrom, row } = found;
  if (status === 404 || status === 405) {
    // Some providers have no list of models. For them, only a real call shows whether the key works.
    const remedy = baseUrlFrom
      ? `If calls fail too, check the base URL from ${baseUrlFrom}.`
      : 'Nothing to do if calls to this provider work.';
    return { level: 'warn', subject, message: `has no list of models (HTTP ${status})`, remedy };
  }
  const code = isInvalidKey(status, text) ? 'provider_auth_failed' : codeOfStatus(status);
  const key = keyFrom ?? row?.keyVariables[0] ?? `claws.${id}.api_key`;
  const remedy = REMEDIES[code]?.(key) ?? 'The provider failed. Its status page may say why.';
  const level = TEMPORARY.includes(code) ? 'warn' : 'bad';
  return { level, subject, message: `HTTP ${status}, ${code}`, remedy };
}

/** Google answers an invalid key with 400, not with 401. */
function isInvalidKey(status: number, text: string): boolean {
  return status === 400 && /API_KEY_INVALID|api key not valid/i.test(text);
}

function unreachable(
  { subject, provider, baseUrlFrom }: CheckedConnection,
  error: unknown,
  timeoutMs: number,
): Finding {
  const host = URL.parse(provider.baseUrl)?.host ?? 'its address';
  const { name, code } = error as { name?: string; code?: string };
  const where = baseUrlFrom ? `Check ${baseUrlFrom}, and` : 'Check';
  if (name === 'TimeoutError') {
    const remedy = `${where} whether a firewall or proxy blocks calls from this machine to ${host}.`;
    return {
      level: 'bad',
      subject,
      message: `${host} did not answer within ${timeoutMs / 1000} s`,
      remedy,
    };
  }
  const remedy = `${where} the network: can this machine reach and resolve ${host}?`;
  return { level: 'bad', subject, message: `${host} cannot be reached (${code ?? name})`, remedy };
}
