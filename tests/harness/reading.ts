/** Reads a stream in parts. */
export interface StreamReader {
  /** All text so far. */
  text(): string;
  /** Reads until the text contains `seen`; resolves to all text so far. Rejects if the stream ends before. */
  until(seen: string): Promise<string>;
  /** Reads to the end; resolves to the whole text. */
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

/** The events of a stream, each with the blank line at its end. */
export const blocksOf = (stream: string): string[] => stream.match(/[\s\S]+?\n\n/g) ?? [];

/** The stream without comments and pings, which only keep the connection open. */
export const withoutComments = (stream: string): string =>
  stream.replace(/^(:.*|event: ping\ndata: .*)\n\n/gm, '');

/** The number in the `id:` line of an event; `undefined` for `[DONE]`, which has none. */
export function numberOf(block: string): number | undefined {
  const id = /^id: (\d+)$/m.exec(block)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** The events of a stream after the event with number `last`. */
export const after = (stream: string, last: number): string =>
  blocksOf(stream)
    .filter((block) => (numberOf(block) ?? Number.POSITIVE_INFINITY) > last)
    .join('');
