import { looksLikeChat } from './catalogue/chat-models.ts';
import type { ProviderRow } from './catalogue/providers.ts';
import type { Fetch } from './http/fetched.ts';

/** An address where a model server may run. */
export interface LocalCandidate {
  /** The provider's id. */
  id: string;
  /** Without a trailing slash. `/models` is appended to it. */
  baseUrl: string;
  /** The `owned_by` that one model of the list must have. Absent: any list of models is accepted. */
  ownedBy?: string;
}

/** A model server that answered. */
export interface LocalServer {
  id: string;
  baseUrl: string;
  /** Names of its chat models. Empty when none is installed. */
  models: string[];
}

const MAX_LIST_BYTES = 1024 * 1024;

/** The usual addresses of the local servers in `rows`. */
export function localCandidates(rows: readonly ProviderRow[]): LocalCandidate[] {
  return rows.flatMap(({ id, baseUrl, local }) => (local ? [{ id, baseUrl, ownedBy: local.ownedBy }] : []));
}

/**
 * Asks all candidates for their models in parallel. Returns those that answered in time with a list that
 * fits, in the order of the candidates. Never rejects: without an answer there is no server.
 */
export async function detectLocalServers(
  fetch: Fetch,
  candidates: readonly LocalCandidate[],
  timeoutMs = 400,
): Promise<LocalServer[]> {
  const answers = await Promise.all(candidates.map((candidate) => ask(fetch, candidate, timeoutMs)));
  return answers.filter((server) => server !== undefined);
}

async function ask(
  fetch: Fetch,
  { id, baseUrl, ownedBy }: LocalCandidate,
  timeoutMs: number,
): Promise<LocalServer | undefined> {
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(`${baseUrl}/models`, { signal, redirect: 'error' });
    if (!response.ok || Number(response.headers.get('content-length')) > MAX_LIST_BYTES) {
      await response.body?.cancel();
      return undefined;
    }
    const entries = modelEntries(await response.json());
    if (!entries || (ownedBy !== undefined && !entries.some((entry) => entry.owned_by === ownedBy))) {
      return undefined;
    }
    return { id, baseUrl, models: entries.map((entry) => entry.id).filter(looksLikeChat) };
  } catch {
    return undefined;
  }
}

interface ModelEntry {
  id: string;
  owned_by?: unknown;
}

/** The entries of a model list in OpenAI's shape. Undefined when `body` is no such list. */
function modelEntries(body: unknown): ModelEntry[] | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { object, data } = body as { object?: unknown; data?: unknown };
  if (object !== 'list') return undefined;
  // Ollama sends null when no model is installed.
  if (data === null) return [];
  if (!Array.isArray(data)) return undefined;
  return data.filter((entry): entry is ModelEntry => typeof (entry as ModelEntry | null)?.id === 'string');
}
