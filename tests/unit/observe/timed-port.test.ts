import { expect, test } from 'bun:test';
import { Fault } from '../../../src/core/errors.ts';
import type { GatewayEvent } from '../../../src/core/events.ts';
import { timedPort } from '../../../src/observe/timed-port.ts';

class Base {
  protected count = 0;

  async add(amount: number): Promise<number> {
    this.count += amount;
    return this.count;
  }
}

class Store extends Base {
  write(): void {
    this.count++;
  }

  async lose(): Promise<never> {
    throw new Fault('store_unavailable', 'The disk is full.');
  }

  async refuse(): Promise<never> {
    throw new Fault('invalid_request', 'No.');
  }

  crash(): never {
    throw new Error('broken');
  }
}

test('a timed port does what the port does, and reports each operation', async () => {
  const events: GatewayEvent[] = [];
  const port = timedPort('log', new Store(), (event) => void events.push(event));
  port.write();
  expect(await port.add(2)).toBe(3);
  await expect(port.lose()).rejects.toThrow('The disk is full.');
  await expect(port.refuse()).rejects.toThrow('No.');
  expect(() => port.crash()).toThrow('broken');
  expect(events).toMatchObject([
    { type: 'store-operation', port: 'log', operation: 'write', failed: false },
    { operation: 'add', failed: false },
    { operation: 'lose', failed: true },
    // The store works: it has refused something.
    { operation: 'refuse', failed: false },
    { operation: 'crash', failed: true },
  ]);
});
