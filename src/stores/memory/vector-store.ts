import type { SessionId, TurnId } from '../../core/ids.ts';
import type { Tenant } from '../../core/request.ts';
import type { PassageVector, VectorScope, VectorStore } from '../../session/vector-store.ts';

interface Kept extends PassageVector {
  model: string;
}

/** Vectors in the memory of the process. */
export class MemoryVectorStore implements VectorStore {
  /** By tenant and session, then by model, turn and passage. */
  private readonly sessions = new Map<string, Map<string, Kept>>();

  async putVectors(scope: VectorScope, vectors: readonly PassageVector[]): Promise<void> {
    const key = keyOf(scope.tenant, scope.session);
    const kept = this.sessions.get(key) ?? new Map<string, Kept>();
    for (const { turn, passage, vector } of vectors) {
      const own = { model: scope.model, turn, passage, vector: vector.slice() };
      kept.set(`${scope.model}\n${turn}\n${passage}`, own);
    }
    if (kept.size > 0) this.sessions.set(key, kept);
  }

  async readVectors(
    { tenant, session, model }: VectorScope,
    after: Pick<PassageVector, 'turn' | 'passage'> | undefined,
    limit: number,
  ): Promise<PassageVector[]> {
    const kept = [...(this.sessions.get(keyOf(tenant, session))?.values() ?? [])];
    return kept
      .filter((one) => one.model === model && (!after || compare(one, after) > 0))
      .sort(compare)
      .slice(0, limit)
      .map(({ turn, passage, vector }) => ({ turn, passage, vector: vector.slice() }));
  }

  async forgetTurn(tenant: Tenant, session: SessionId, turn: TurnId): Promise<void> {
    const key = keyOf(tenant, session);
    const kept = this.sessions.get(key);
    for (const [name, one] of kept ?? []) if (one.turn === turn) kept!.delete(name);
    if (kept?.size === 0) this.sessions.delete(key);
  }

  async eraseVectors(tenant: Tenant, session: SessionId): Promise<void> {
    this.sessions.delete(keyOf(tenant, session));
  }

  async sessionsWithVectors(
    after: Pick<VectorScope, 'tenant' | 'session'> | undefined,
    limit: number,
  ): Promise<Pick<VectorScope, 'tenant' | 'session'>[]> {
    const from = after && keyOf(after.tenant, after.session);
    const keys = [...this.sessions.keys()].sort().filter((key) => from === undefined || key > from);
    return keys.slice(0, limit).map((key) => {
      const [tenant, session] = key.split('\n');
      return { tenant: tenant as Tenant, session: session as SessionId };
    });
  }
}

const keyOf = (tenant: Tenant, session: SessionId): string => `${tenant}\n${session}`;

type Place = Pick<PassageVector, 'turn' | 'passage'>;

function compare(a: Place, b: Place): number {
  if (a.turn !== b.turn) return a.turn < b.turn ? -1 : 1;
  return a.passage === b.passage ? 0 : a.passage < b.passage ? -1 : 1;
}
