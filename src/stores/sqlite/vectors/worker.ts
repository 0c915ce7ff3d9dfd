import { isDamaged, openVectors, type VectorOperations } from './vector-operations.ts';
import type { VectorReply, VectorRequest } from './vector-store.ts';

declare const self: Worker;

/** The thread of the vectors: performs one request after the other. */
function serve(port: Worker): void {
  let path = '';
  let operations: VectorOperations | undefined;
  const perform = ({ name, args }: Extract<VectorRequest, { name: unknown }>): unknown => {
    operations ??= openVectors(path);
    return (operations[name] as (...args: unknown[]) => unknown).apply(operations, args);
  };
  port.onmessage = ({ data }: MessageEvent<VectorRequest>) => {
    if ('open' in data) {
      path = data.open;
      return;
    }
    const reply = (message: VectorReply) => port.postMessage(message);
    if ('close' in data) {
      operations?.close();
      reply({ closed: true });
      return;
    }
    try {
      reply({ value: perform(data) });
    } catch (error) {
      // The next request opens the file again, and replaces it where it is damaged.
      if (isDamaged(error)) {
        operations?.close();
        operations = undefined;
      }
      reply({ error: error instanceof Error ? error.message : String(error) });
    }
  };
}

serve(self);
