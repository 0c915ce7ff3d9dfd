import { Fault } from './errors.ts';

/** One message between two processes. Values are copied as by `structuredClone`. */
export type Packet =
  | { kind: 'tell'; what: string; value: unknown }
  | { kind: 'ask'; id: number; what: string; value: unknown }
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'failure'; id: number; message: string };

/** How long to wait for an answer. */
export interface AskOptions<Answer> {
  /** Milliseconds to wait for the answer. Absent: as long as the other process lives. */
  withinMs?: number;
  /** Gets an answer that came after the time. */
  late?(answer: Answer): void;
}

interface Asked {
  settle(packet: Extract<Packet, { kind: 'answer' | 'failure' }>): void;
  fail(fault: Fault): void;
}

/**
 * One end of a connection between two processes of one version of the program, on one machine. Both ends may tell
 * and ask. `send` throws where the other process is gone.
 */
export class Channel {
  private readonly handlers = new Map<string, (value: never) => unknown>();
  private readonly asked = new Map<number, Asked>();
  private nextId = 0;
  private isClosed = false;

  constructor(private readonly send: (packet: Packet) => void) {}

  /** Answers what the other end asks, and takes what it tells, under this name. */
  on<Value, Answer>(what: string, handler: (value: Value) => Answer | Promise<Answer>): void {
    this.handlers.set(what, handler);
  }

  /** What cannot be told is lost: the other process is gone. */
  tell(what: string, value?: unknown): void {
    this.attempt({ kind: 'tell', what, value });
  }

  /**
   * Rejects with `store_unavailable` where no answer comes in time, the other process is gone, or it failed to
   * answer.
   */
  ask<Answer>(what: string, value?: unknown, { withinMs, late }: AskOptions<Answer> = {}): Promise<Answer> {
    const id = this.nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    if (!this.attempt({ kind: 'ask', id, what, value })) return Promise.reject(gone());
    let isLate = false;
    const timer =
      withinMs === undefined
        ? undefined
        : setTimeout(() => {
            isLate = true;
            reject(unanswered(what));
          }, withinMs);
    this.asked.set(id, {
      settle: (packet) => {
        clearTimeout(timer);
        if (packet.kind === 'failure') reject(new Fault('store_unavailable', packet.message));
        else if (isLate) late?.(packet.value as Answer);
        else resolve(packet.value as Answer);
      },
      fail: (fault) => {
        clearTimeout(timer);
        reject(fault);
      },
    });
    return promise;
  }

  /** Takes what the other end has sent. */
  receive(packet: Packet): void {
    if (packet.kind === 'tell') void this.handle(packet.what, packet.value).catch(() => {});
    else if (packet.kind === 'ask') void this.answer(packet);
    else {
      const asked = this.asked.get(packet.id);
      this.asked.delete(packet.id);
      asked?.settle(packet);
    }
  }

  /** The other process is gone: nothing that was asked will be answered. */
  close(): void {
    this.isClosed = true;
    for (const asked of this.asked.values()) asked.fail(gone());
    this.asked.clear();
  }

  private async answer({ id, what, value }: Extract<Packet, { kind: 'ask' }>): Promise<void> {
    try {
      this.attempt({ kind: 'answer', id, value: await this.handle(what, value) });
    } catch (error) {
      this.attempt({ kind: 'failure', id, message: (error as Error).message });
    }
  }

  private async handle(what: string, value: unknown): Promise<unknown> {
    const handler = this.handlers.get(what);
    if (!handler) throw new Error(`No process of this gateway answers "${what}".`);
    return handler(value as never);
  }

  /** False where the other process is gone. */
  private attempt(packet: Packet): boolean {
    if (this.isClosed) return false;
    try {
      this.send(packet);
      return true;
    } catch {
      return false;
    }
  }
}

const gone = (): Fault =>
  new Fault('store_unavailable', 'Another process of this gateway has ended.', { retryAfter: 1 });

const unanswered = (what: string): Fault =>
  new Fault('store_unavailable', `Another process of this gateway did not answer in time ("${what}").`, {
    retryAfter: 1,
  });
