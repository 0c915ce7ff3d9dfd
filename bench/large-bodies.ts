import { memoryOf, peakMemoryOf } from './process-usage.ts';
import { type Gateway, startGateway } from './processes.ts';
import type { Bench, Row, RowResult } from './row.ts';

const MEBIBYTE = 2 ** 20;
/** Requests at once. */
const BODIES = 12;
const WORDS = 'Some words of a very long prompt. ';
/** A body of images has so many. */
const IMAGES = 11;

/** What the bodies of a burst are made of, and whether their turns are stored in sessions. */
interface Burst {
  what: string;
  content: unknown;
  isKept: boolean;
}

function burstsOf(bytes: number): Burst[] {
  const text = WORDS.repeat(bytes / WORDS.length);
  const pixels = Math.floor(((bytes / IMAGES) * 3) / 4);
  const images = Array.from({ length: IMAGES }, (_, index) => ({
    type: 'image_url',
    image_url: { url: `data:image/png;base64,${Buffer.alloc(pixels, index).toString('base64')}` },
  }));
  return [
    { what: 'text, not stored', content: text, isKept: false },
    { what: 'text, stored', content: text, isKept: true },
    { what: 'images, stored', content: images, isKept: true },
  ];
}

export const largeBodies: Row = {
  key: 'm',
  title: 'Memory after large bodies',
  async measure({ effort, simulator, say }: Bench): Promise<RowResult> {
    const gateway = await startGateway({ provider: simulator.port });
    try {
      await ask(gateway, 'Hello.', {});
      const bursts = burstsOf(effort.bodyBytes);
      await Bun.sleep(2_000);
      const before = memoryOf(gateway.pid);
      for (const { what, content, isKept } of bursts) {
        const headers = (number: number): Record<string, string> =>
          isKept ? { 'x-clawhold-session-id': `${what.replace(/\W+/g, '-')}-${number}` } : {};
        await Promise.all(
          Array.from({ length: BODIES }, (_, number) => ask(gateway, content, headers(number))),
        );
        say(`${what}: ${Math.round(memoryOf(gateway.pid) / MEBIBYTE)} MiB at the end`);
      }
      const peak = peakMemoryOf(gateway.pid);
      await Bun.sleep(effort.restMs);
      return {
        figures: [
          { what: 'Memory before', value: before / MEBIBYTE, unit: 'MiB' },
          { what: 'Highest memory', value: peak / MEBIBYTE, unit: 'MiB' },
          {
            what: 'Memory after the last burst has ended',
            value: memoryOf(gateway.pid) / before,
            unit: '× before',
            budget: { limit: 1.5, is: 'at most' },
          },
        ],
        notes: [
          `${bursts.length} bursts of ${BODIES} requests at once, with bodies of about ${effort.bodyBytes / 1e6} MB: ${bursts.map(({ what }) => what).join('; ')}. Each stored turn is in a session of its own. Memory is the resident memory of the gateway's process; it is measured ${effort.restMs / 1_000} s after the last burst.`,
        ],
      };
    } finally {
      await gateway.stop();
    }
  },
};

async function ask(
  { port, headers }: Gateway,
  content: unknown,
  more: Record<string, string>,
): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { ...headers, ...more, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'openai/say-3', messages: [{ role: 'user', content }] }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`a request failed: ${response.status} ${text.slice(0, 500)}`);
}
