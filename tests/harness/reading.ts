/** A reader of a stream that takes it piece by piece. */
export interface StreamReader {
  /** All that has come so far. */
  text(): string;
  /** Reads until `seen` has come; returns all that has come. Throws where the stream ends before. */
  until(seen: string): Promise<string>;
  /** Reads to the end; returns all that has come. */
  rest(): Promise<string>;
  leave(): Promise<void>;
}

export function readerOf(reply: Response): StreamReader {
  const reader = reply.body!.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const read = async () => {
    const { done, value } = await reader.read();
    text += decoder.decode(value, { stream: !done });
    return !done;
  };
  return {
    text: () => text,
    async until(seen) {
      while (!text.includes(seen)) if (!(await read())) throw new Error(`the stream ended early: ${text}`);
      return text;
    },
    async rest() {
      while (await read());
      return text;
    },
    leave: () => reader.cancel(),
  };
}

/** The events of a stream, with the blank line that ends each. */
export const blocksOf = (stream: string): string[] => stream.match(/[\s\S]+?\n\n/g) ?? [];

/** Comments keep a line open, and are no part of what is said. */
export const withoutComments = (stream: string): string => stream.replace(/^:.*\n\n/gm, '');

/** The number of an event, as its `id:` line tells it; `undefined` for `[DONE]`, which has none. */
export function numberOf(block: string): number | undefined {
  const id = /^id: (\d+)$/m.exec(block)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** The rest of a stream for a reader that has the events up to `last`. */
export const after = (stream: string, last: number): string =>
  blocksOf(stream)
    .filter((block) => (numberOf(block) ?? Number.POSITIVE_INFINITY) > last)
    .join('');
