import { useEffect, useState } from 'preact/hooks';
import { tenantUrl } from '../api/client.ts';
import type { TurnDelta } from '../api/types.ts';
import { Answer } from './answer.ts';

/** A turn as its stream of deltas tells it so far. */
export interface Followed {
  answer: Answer;
  /** What was asked; absent until the stream says it. */
  asked?: TurnDelta;
  /** How it ended. */
  ended?: TurnDelta;
  isInterrupted: boolean;
}

const AGAIN_MS = 1_000;

/** Follows a turn from its beginning, and after an interruption from where it was. */
export function useFollowed(id: string): Followed {
  const url = tenantUrl(`turns/${id}/events`);
  const [followed, setFollowed] = useState<Followed>({ answer: new Answer(), isInterrupted: false });
  useEffect(() => {
    const answer = new Answer();
    const news: Followed = { answer, isInterrupted: false };
    let frame = 0;
    const show = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setFollowed({ ...news });
      });
    };
    const leave = follow(url, {
      onAsked: (asked) => void Object.assign(news, { asked }),
      onDelta: (delta) => answer.take(delta),
      onEnd: (ended) => void Object.assign(news, { ended }),
      onConnection: (isOpen) => void Object.assign(news, { isInterrupted: !isOpen }),
      onAny: show,
    });
    return () => {
      cancelAnimationFrame(frame);
      leave();
    };
  }, [url]);
  return followed;
}

interface Reader {
  onAsked(asked: TurnDelta): void;
  onDelta(delta: TurnDelta): void;
  onEnd(ended: TurnDelta): void;
  onConnection(isOpen: boolean): void;
  onAny(): void;
}

function follow(url: string, reader: Reader): () => void {
  let source: EventSource;
  let seen = -1;
  let again: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    const from = new URL(url);
    from.searchParams.set('after', String(seen));
    source = new EventSource(from);
    const on = (name: string, take: (data: TurnDelta, id: string) => void) =>
      source.addEventListener(name, ({ data, lastEventId }) => {
        take(JSON.parse(data as string) as TurnDelta, lastEventId);
        reader.onAny();
      });
    on('asked', (asked) => reader.onAsked(asked));
    on('delta', (delta, number) => {
      seen = Number(number);
      reader.onDelta(delta);
    });
    on('ended', (ended) => {
      source.close();
      reader.onEnd(ended);
    });
    source.onopen = () => {
      reader.onConnection(true);
      reader.onAny();
    };
    source.onerror = () => {
      source.close();
      reader.onConnection(false);
      reader.onAny();
      again = setTimeout(open, AGAIN_MS);
    };
  };
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}
