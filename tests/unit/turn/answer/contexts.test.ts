import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { countTokens as cl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { countTokens as o200k } from 'gpt-tokenizer/encoding/o200k_base';
import type { Assembled } from '../../../../src/context/assemble.ts';
import { TokenRatios } from '../../../../src/context/token-ratios.ts';
import { TokenCounter } from '../../../../src/context/tokenizer/token-counter.ts';
import { itemsTokens } from '../../../../src/context/tokens.ts';
import type { Candidate } from '../../../../src/core/candidate.ts';
import { newSessionId, newTurnId } from '../../../../src/core/ids.ts';
import { type Item, messageText, userMessage } from '../../../../src/core/items.ts';
import type { Tenant } from '../../../../src/core/request.ts';
import type { BranchTurn } from '../../../../src/core/turn.ts';
import { Contexts, isExceeded, reachWith } from '../../../../src/turn/answer/contexts.ts';

/** Sessions that are longer than the context of their model, which counts tokens in its own way. */

const ENGLISH =
  'The harbour lay quiet in the early morning, and the fishermen mended their nets while gulls circled above the grey water.';
const CODE =
  'export function digestItems(from: string, items: readonly Item[]): string {\n  return items.reduce(digestItem, from);\n}\n';
const JSON_TEXT =
  '{"id":"call_1","type":"function","arguments":"{\\"city\\":\\"Paris\\",\\"degrees\\":21.5}","ok":true}\n';
const CHINESE = '昨天晚上我们沿着河边散步，谈论最近读过的书，看着对岸的灯光一盏一盏亮起来。';

const said = fc
  .tuple(
    fc.constantFrom(ENGLISH, CODE, JSON_TEXT, CHINESE),
    fc.integer({ min: 1, max: 12 }),
    fc.lorem({ maxCount: 5 }),
  )
  .map(([text, times, more]) => text.repeat(times) + more);

const LIMIT = 6_000;
const ANSWER = 300;
const WISH = { policy: 'truncate' } as const;
const CANDIDATE: Candidate = { provider: 'a', protocol: 'openai-chat', model: 'm', contextLimit: LIMIT };
const session = newSessionId(Date.now());

/** How a model counts a prompt: its texts, four tokens beside each, and three for the whole. */
const countedBy = (tokensOf: (text: string) => number, dear = 1) => {
  const known = new Map<string, number>();
  const count = (text: string) => {
    const tokens = known.get(text) ?? tokensOf(text);
    known.set(text, tokens);
    return tokens;
  };
  return ({ items }: Assembled) =>
    Math.ceil(
      dear *
        items.reduce((sum, { item }) => sum + 4 + count(item.type === 'message' ? messageText(item) : ''), 3),
    );
};

const MODELS = {
  o200k: { model: 'gpt-4o', counts: countedBy(o200k) },
  cl100k: { model: 'gpt-4', counts: countedBy(cl100k) },
  'a dearer tokenizer': { model: 'm', counts: countedBy(o200k, 1.35) },
  'a cheaper tokenizer': { model: 'n', counts: countedBy(o200k, 0.8) },
};

class Conversation {
  readonly refused: number[] = [];
  readonly sent: number[] = [];
  private readonly branch: BranchTurn[] = [];

  constructor(
    private readonly model: (typeof MODELS)['o200k'],
    private readonly tokens: { ratios: TokenRatios; counter: TokenCounter },
  ) {}

  async say(text: string): Promise<void> {
    const { branch, tokens, model } = this;
    const candidate = { ...CANDIDATE, model: model.model };
    const input = [userMessage(text)];
    const settings = { max_output_tokens: ANSWER };
    const parent = branch.at(-1)?.turn.id ?? null;
    const id = newTurnId(session, Date.now());
    const intent = {
      id,
      tenant: 'a' as Tenant,
      createdAt: 0,
      dialect: 'chat',
      input,
      settings,
      position: { parent },
    };
    const { window } = reachWith([candidate], { settings } as never, WISH, tokens.ratios);
    const seals = { open: () => undefined };
    const contexts = new Contexts({ intent, branch, window, wish: WISH, seals, tokens });
    await contexts.countNear([candidate]);
    let context = contexts.for(candidate);
    if (model.counts(context) > LIMIT - ANSWER) {
      this.refused.push(this.sent.length);
      expect(contexts.shorten(candidate, model.counts(context))).toBe(true);
      context = contexts.for(candidate);
    }
    this.sent.push(model.counts(context));
    tokens.ratios.learn(candidate, context.tokens, model.counts(context));
    this.add(id, input, parent);
  }

  private add(id: BranchTurn['turn']['id'], input: Item[], parent: BranchTurn['turn']['parent']): void {
    const output = [{ ...userMessage('I see.'), role: 'assistant' }] as Item[];
    const tokens = itemsTokens([...input, ...output]);
    const totalTokens = (this.branch.at(-1)?.totalTokens ?? 0) + tokens;
    const turn = { kind: 'ask', id, parent, input, output, metadata: {} } as unknown as BranchTurn['turn'];
    this.branch.push({ turn, tokens, totalTokens, digest: '', hidden: [] });
  }
}

const counter = new TokenCounter();
const texts = fc.array(said, { minLength: 60, maxLength: 60 });

describe.each(Object.entries(MODELS))('a model that counts with %s', (_name, model) => {
  test('gets no prompt that is longer than it accepts', async () => {
    await fc.assert(
      fc.asyncProperty(texts, async (all) => {
        const conversation = new Conversation(model, { ratios: new TokenRatios(), counter });
        for (const text of all) await conversation.say(text);
        expect(Math.max(...conversation.sent)).toBeLessThanOrEqual(LIMIT - ANSWER);
        // Its prompts are not much shorter than they could be.
        expect(Math.max(...conversation.sent.slice(30))).toBeGreaterThan(0.7 * (LIMIT - ANSWER));
      }),
      { numRuns: 15, seed: 11 },
    );
  });

  test('refuses nothing once it has counted some prompts', async () => {
    await fc.assert(
      fc.asyncProperty(texts, texts, async (before, all) => {
        const tokens = { ratios: new TokenRatios(), counter };
        const first = new Conversation(model, tokens);
        for (const text of before) await first.say(text);
        const conversation = new Conversation(model, tokens);
        for (const text of all) await conversation.say(text);
        expect(conversation.refused).toEqual([]);
      }),
      { numRuns: 15, seed: 12 },
    );
  });
});

test('a known tokenizer is used before anything is learned: nothing is refused', async () => {
  for (const model of [MODELS.o200k, MODELS.cl100k]) {
    const conversation = new Conversation(model, { ratios: new TokenRatios(), counter });
    for (let turn = 0; turn < 60; turn++) await conversation.say(CHINESE.repeat(4) + turn);
    expect(conversation.refused).toEqual([]);
  }
});

test('a request that does not fit without its history is refused with the numbers, of the model with the most room', () => {
  const input = [userMessage(ENGLISH.repeat(400))];
  const settings = { max_output_tokens: ANSWER };
  const intent = {
    id: newTurnId(session, 1),
    tenant: 'a' as Tenant,
    dialect: 'chat',
    createdAt: 0,
    input,
    settings,
    position: { parent: null },
  };
  const tokens = { ratios: new TokenRatios(), counter };
  const seals = { open: () => undefined };
  const contexts = new Contexts({
    intent,
    branch: [],
    window: 128_000,
    wish: { policy: 'auto' },
    seals,
    tokens,
  });
  const small = { ...CANDIDATE, contextLimit: 4_000 };
  let failure: unknown;
  try {
    contexts.expectFit([CANDIDATE, small]);
  } catch (error) {
    failure = error;
  }
  expect(isExceeded(failure)).toBe(true);
  expect(String(failure)).toMatch(
    /needs at least about [\d,]+ tokens \([\d,]+ of new input, 300 reserved for the answer\); the model accepts 6,000\./,
  );
});
