import { Fault } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';

/**
 * The same port, whose operations are reported with their time. Results and failures stay as they are, and nothing
 * waits for the report.
 */
export function timedPort<Port extends object>(port: string, implementation: Port, emit: Emit): Port {
  const timed: Record<string, unknown> = {};
  for (const name of methodsOf(implementation)) {
    const method = (implementation as Record<string, unknown>)[name] as (...args: unknown[]) => unknown;
    timed[name] = (...args: unknown[]) => {
      const from = performance.now();
      const report = (failed: boolean) =>
        emit({ type: 'store-operation', port, operation: name, ms: performance.now() - from, failed });
      let result: unknown;
      try {
        result = method.apply(implementation, args);
      } catch (error) {
        report(isBroken(error));
        throw error;
      }
      if (result instanceof Promise)
        result.then(
          () => report(false),
          (error: unknown) => report(isBroken(error)),
        );
      else report(false);
      return result;
    };
  }
  return timed as Port;
}

/** A refusal, such as for a version that is not the current one, is an answer of the store. */
const isBroken = (error: unknown): boolean => !(error instanceof Fault) || error.kind.status >= 500;

/** Also those that a class inherits. */
function methodsOf(implementation: object): Set<string> {
  const names = new Set<string>();
  for (
    let level: object = implementation;
    level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object
  ) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
  }
  return names;
}
