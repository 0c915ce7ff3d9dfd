import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { type Journey, json, startJourney } from '../harness/journey.ts';
import { asJson, asList, asText, type Json } from '../simulators/provider/shape.ts';

/**
 * Where the cache marks for Anthropic are, and what its prompt cache holds: excerpts differ from request to request,
 * so a cache that includes them is paid and never read.
 */

const MODEL = 'say-40+caches';
const YAML = `claws:
  anthropic:
    models:
      - { id: ${MODEL}, context: 24000 }
      - { id: ${MODEL}+wide, context: 400000 }
`;

let journey: Journey;

beforeAll(async () => {
  journey = await startJourney({ yaml: YAML });
});
afterAll(() => journey.end());

const PLACES = ['harbour', 'library', 'market', 'museum', 'station', 'theatre', 'bakery', 'garden'];
const filler = (turn: number) =>
  `On day ${turn} we went to the ${PLACES[turn % 8]} and to the ${PLACES[(turn * 5 + 3) % 8]}. ${`It was day ${turn}. `.repeat(60)}`;

interface Asked {
  usage: Json;
  /** Texts of blocks in the order in which the provider caches them. */
  blocks: { text: string; isMarked: boolean }[];
}

async function ask(session: string, content: string, model: string, more: Json = {}): Promise<Asked> {
  const message = { role: 'user', content: [{ type: 'text', text: content, ...more }] };
  const body = { model: `anthropic/${model}`, messages: [message] };
  const answer = await json(journey.gateway.post('/v1/chat/completions', body, { 'x-session-id': session }));
  expect(answer.error).toBeUndefined();
  const { messages } = asJson(journey.provider.requests.at(-1)!.body);
  const blocks = asList(messages)
    .flatMap((sent) => asList(sent.content))
    .map((block) => ({ text: asText(block.text), isMarked: block.cache_control !== undefined }));
  const { prompt_tokens_details: usage } = asJson(answer.usage);
  return { usage: asJson(usage), blocks };
}

const isExcerpt = ({ text }: { text: string }) => text.startsWith('Excerpts from earlier');

describe('a session that outgrows its model', () => {
  const session = 'grows';
  const asked: Asked[] = [];

  beforeAll(async () => {
    for (let turn = 0; turn < 120; turn++) asked.push(await ask(session, filler(turn), MODEL));
  }, 60_000);

  const withExcerpts = () => asked.filter(({ blocks }) => blocks.some(isExcerpt));

  test('has no mark on or after its excerpts, and one before them', () => {
    expect(withExcerpts().length).toBeGreaterThan(20);
    for (const { blocks } of withExcerpts()) {
      const first = blocks.findIndex(isExcerpt);
      expect(blocks.slice(first).some(({ isMarked }) => isMarked)).toBe(false);
      expect(blocks[first - 1]?.isMarked).toBe(true);
    }
  });

  test('has its last mark on the new message while it has no excerpts', () => {
    const [early] = asked;
    expect(early!.blocks.at(-1)!.isMarked).toBe(true);
    expect(asked.filter(({ blocks }) => blocks.at(-1)!.isMarked).length).toBe(120 - withExcerpts().length);
  });

  test('reads from the cache what the request before has written, except after a cut', () => {
    const reads = withExcerpts().map(({ usage }) => Number(usage.cached_tokens));
    const misses = reads.filter((tokens) => tokens === 0);
    // The history is cut several turns at a time.
    expect(misses.length).toBeLessThan(reads.length / 3);
    // A request writes the turn before it, and not its own excerpts.
    const writes = withExcerpts().filter(({ usage }) => Number(usage.cached_tokens) > 0);
    for (const { usage } of writes) expect(Number(usage.cache_write_tokens)).toBeLessThan(700);
  });

  test("moves the caller's own mark before the excerpts", async () => {
    const { blocks } = await ask(session, 'What did we see at the harbour?', MODEL, {
      cache_control: { type: 'ephemeral' },
    });
    const first = blocks.findIndex(isExcerpt);
    expect(first).toBeGreaterThan(0);
    const marked = blocks.flatMap(({ isMarked }, index) => (isMarked ? [index] : []));
    expect(marked).toEqual([first - 1]);
  });
});
