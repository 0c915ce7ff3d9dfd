import { describe, expect, test } from 'bun:test';
import {
  brotliCompressSync,
  constants,
  createGzip,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { AnswerBody, readBeginning } from '../../../src/claws/answer-body.ts';
import { answerOf } from '../../../src/claws/http/fetched.ts';
import type { HttpAnswer } from '../../../src/claws/http/transport.ts';

const TEXT = 'Grüße an die Welt. '.repeat(1000);
const LIMIT = 1024 * 1024;

const answer = (body: Uint8Array<ArrayBuffer> | ReadableStream | string, encoding?: string): HttpAnswer =>
  answerOf(new Response(body, { headers: encoding === undefined ? {} : { 'content-encoding': encoding } }));

const readWhole = async (read: HttpAnswer, limit: number): Promise<string> =>
  new AnswerBody(read, limit).text();

describe('the body of an answer', () => {
  const codings: [string, Buffer<ArrayBuffer>][] = [
    ['gzip', gzipSync(TEXT)],
    ['X-GZIP', gzipSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['br', brotliCompressSync(TEXT)],
    ['zstd', zstdCompressSync(TEXT)],
    ['gzip, identity, br', brotliCompressSync(gzipSync(TEXT))],
    ['identity', Buffer.from(TEXT)],
  ];
  for (const [coding, body] of codings) {
    test(`is decoded from ${coding}`, async () => {
      expect(await readWhole(answer(body, coding), LIMIT)).toBe(TEXT);
      expect(await readBeginning(answer(body, coding), 4)).toBe('Grü');
      const size = Buffer.byteLength(TEXT);
      expect(await readWhole(answer(body, coding), size)).toBe(TEXT);
      expect(readWhole(answer(body, coding), size - 1)).rejects.toMatchObject({ code: 'answer_too_large' });
    });
  }

  test.each(['secret', 'constructor'])('in the unknown coding "%s" breaks the protocol', (coding) =>
    expect(readWhole(answer(TEXT, coding), LIMIT)).rejects.toMatchObject({
      code: 'provider_protocol_error',
    }),
  );

  test('that is cut is an error after its beginning', async () => {
    const cut = gzipSync(TEXT).subarray(0, -20);
    expect(readWhole(answer(cut, 'gzip'), LIMIT)).rejects.toThrow();
    expect(await readBeginning(answer(cut, 'gzip'), 4)).toBe('Grü');
  });

  test('that is flushed is read before its end', async () => {
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void gzip.on('data', (chunk: Uint8Array) => controller.enqueue(chunk)),
    });
    const answered = new AnswerBody(answer(body, 'gzip'), LIMIT);
    gzip.write('first');
    expect(Buffer.from((await answered.read()).value!).toString()).toBe('first');
    gzip.write('second');
    expect(Buffer.from((await answered.read()).value!).toString()).toBe('second');
    answered.cancel();
  });

  test('is let go of where its reader stops', async () => {
    for (const coding of [undefined, 'gzip']) {
      let cancelled = false;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(coding ? gzipSync(TEXT) : Buffer.from(TEXT)),
        cancel: () => {
          cancelled = true;
        },
      });
      const answered = new AnswerBody(answer(body, coding), LIMIT);
      await answered.read();
      answered.cancel();
      await Bun.sleep(10);
      expect(cancelled).toBe(true);
    }
  });
});
