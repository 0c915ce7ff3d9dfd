import { tooLarge } from '../v1/content-encoding.ts';

const encoder = new TextEncoder();

/** Streams texts as they are made. When one cannot be made, the connection breaks: the reader sees that it is not whole. */
export function textStream(texts: AsyncIterable<string>, type: string): Response {
  const iterator = texts[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
  return new Response(body, { headers: { 'content-type': type } });
}

/** The lines of a body that may be of any length; `body_too_large` for a line with more bytes than `most`. */
export async function* linesOf(request: Request, most: number): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of request.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    if (rest.length > most) throw tooLarge(most);
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  rest += decoder.decode();
  if (rest.trim() !== '') yield rest;
}
