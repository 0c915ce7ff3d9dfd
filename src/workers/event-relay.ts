import type { Channel } from '../core/channel.ts';

/** A worker that can tell its events. */
interface Teller {
  /** An operator reads the events of the gateway there. */
  isRead: boolean;
  /** It was told that its events are wanted. */
  isWanted: boolean;
}

/** Passes the events of each worker to the others where an operator reads them, and lets no worker tell any otherwise. */
export class EventRelay {
  private readonly workers = new Map<Channel, Teller>();

  /** The returned function is called when the worker has ended. */
  serve(channel: Channel): () => void {
    let hasEnded = false;
    channel.on('events.read', (isRead: boolean) => {
      if (hasEnded) return;
      this.workers.set(channel, { isWanted: false, ...this.workers.get(channel), isRead });
      this.tellWanted();
    });
    channel.on('events', (told: unknown) => {
      for (const [other, { isRead }] of this.workers)
        if (isRead && other !== channel) other.tell('events', told);
    });
    return () => {
      hasEnded = true;
      this.workers.delete(channel);
      this.tellWanted();
    };
  }

  private tellWanted(): void {
    const readers = [...this.workers].filter(([, { isRead }]) => isRead).map(([channel]) => channel);
    for (const [channel, worker] of this.workers) {
      const isWanted = readers.some((reader) => reader !== channel);
      if (isWanted === worker.isWanted) continue;
      worker.isWanted = isWanted;
      channel.tell('events.wanted', isWanted);
    }
  }
}
