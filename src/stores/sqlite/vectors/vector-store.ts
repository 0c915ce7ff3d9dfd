import { existsSync } from 'node:fs';
import { Fault } from '../../../core/errors.ts';
import type { SessionId, TurnId } from '../../../core/ids.ts';
import type { Tenant } from '../../../core/request.ts';
import type { PassageVector, VectorScope, VectorStore } from '../../../session/vector-store.ts';
import type { VectorOperation, VectorOperations } from './vector-operations.ts';

/** To the thread: `open` comes first, `close` last. Every other request is answered by one reply, in their order. */
export type VectorRequest = { open: string } | { close: true } | { name: VectorOperation; args: unknown[] };
/** What became of one request to the thread. */
export type VectorReply = { value: unknown } | { error: string } | { closed: true };

/**
 * Vectors in a file of their own, `derived.db`, beside the log: the log needs no other schema for them, and the file
 * can be deleted. A thread of its own serves it, which starts with the first request.
 */
export class SqliteVectorStore implements VectorStore {
  private worker: Worker | undefined;
  private readonly waiting: PromiseWithResolvers<unknown>[] = [];
  private isClosed = false;

  constructor(private readonly path: string) {}

  putVectors(scope: VectorScope, vectors: readonly PassageVector[]): Promise<void> {
    return this.ask('putVectors', [scope, vectors]);
  }

  readVectors(
    scope: VectorScope,
    after: Pick<PassageVector, 'turn' | 'passage'> | undefined,
    limit: number,
  ): Promise<PassageVector[]> {
    return this.ask('readVectors', [scope, after, limit]);
  }

  forgetTurn(tenant: Tenant, session: SessionId, turn: TurnId): Promise<void> {
    return this.ask('forgetTurn', [tenant, session, turn]);
  }

  eraseVectors(tenant: Tenant, session: SessionId): Promise<void> {
    return this.ask('eraseVectors', [tenant, session]);
  }

  sessionsWithVectors(
    after: Pick<VectorScope, 'tenant' | 'session'> | undefined,
    limit: number,
  ): Promise<Pick<VectorScope, 'tenant' | 'session'>[]> {
    return this.ask('sessionsWithVectors', [after, limit]);
  }

  /** Resolves when what was asked before is done. */
  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    if (!this.worker) return;
    const closed = Promise.withResolvers<unknown>();
    this.waiting.push(closed);
    this.worker.postMessage({ close: true } satisfies VectorRequest);
    await closed.promise.catch(() => {});
    this.worker?.terminate();
  }

  private ask<Name extends VectorOperation>(
    name: Name,
    args: Parameters<VectorOperations[Name]>,
  ): Promise<ReturnType<VectorOperations[Name]>> {
    if (this.isClosed) return Promise.reject(unavailable('it is closed'));
    // Nobody needs an empty file, and no thread for it.
    if (name !== 'putVectors' && !this.worker && !existsSync(this.path))
      return Promise.resolve(NOTHING[name] as ReturnType<VectorOperations[Name]>);
    this.worker ??= this.start();
    const asked = Promise.withResolvers<unknown>();
    this.waiting.push(asked);
    this.worker.postMessage({ name, args } satisfies VectorRequest);
    return asked.promise as Promise<ReturnType<VectorOperations[Name]>>;
  }

  private start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url).href);
    worker.onmessage = ({ data }: MessageEvent<VectorReply>) => {
      const asked = this.waiting.shift();
      if ('error' in data) asked?.reject(unavailable(data.error));
      else asked?.resolve('value' in data ? data.value : undefined);
    };
    const died = () => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      for (const { reject } of this.waiting.splice(0)) reject(unavailable('its thread died'));
    };
    worker.addEventListener('error', died);
    worker.addEventListener('close', died);
    worker.postMessage({ open: this.path } satisfies VectorRequest);
    return worker;
  }
}

/** What the operations give where there is no file. */
const NOTHING: Record<VectorOperation, unknown> = {
  putVectors: undefined,
  readVectors: [],
  forgetTurn: undefined,
  eraseVectors: undefined,
  sessionsWithVectors: [],
};

const unavailable = (reason: string): Fault =>
  new Fault('store_unavailable', `The store of derived data failed: ${reason}.`);
