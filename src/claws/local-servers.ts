import { looksLikeChat } from './catalogue/chat-models.ts';
import type { ProviderRow } from './catalogue/providers.ts';
import type { Fetch } from './http-claw.ts';

/** A place where a model server may run. */
export interface LocalCandidate {
  /** The provider's id. */
  id: string;
  /** Without trailing slash; `/models` follows it. */
  baseUrl: string;
  /** What the list must say in `owned_by`; without it any list of models is taken for this server's. */
  ownedBy?: string;
}

/** A model server that answered. */
export interface LocalServer {
  id: string;
  baseUrl: string;
  /** Names of its chat models; empty when it has none installed. */
  models: string[];
}

const MAX_LIST_BYTES = 1024 * 1024;

/** The usual places of the local servers among `rows`. */
export function localCandidates(rows: readonly ProviderRow[]): LocalCandidate[] {
  return rows.flatMap(({ id, baseUrl, local }) => (local ? [{ id, baseUrl, ownedBy: local.ownedBy }] : []));
}

/**
 * Asks every candidate for its models, all at once, and returns those that answered in time as the
 * server they are taken for, in the candidates' order. Never fails: no answer means no server.
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

/** The entries of a list in OpenAI's shape; undefined when `body` is not one. */
function modelEntries(body: unknown): ModelEntry[] | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { object, data } = body as { object?: unknown; data?: unknown };
  if (object !== 'list') return undefined;
  // Ollama answers null when no model is installed.
  if (data === null) return [];
  if (!Array.isArray(data)) return undefined;
  return data.filter((entry): entry is ModelEntry => typeof (entry as ModelEntry | null)?.id === 'string');
}
